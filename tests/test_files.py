from __future__ import annotations

import errno
import os
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from harness import files
from harness.errors import StoreError, UsageError
from tests.support.devices import FULL, NULL, device


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_a_file_is_made_with_its_folders_and_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "report.json"
    files.write(path, b"one")
    before = path.stat().st_ino
    files.write(path, b"two")
    assert path.read_bytes() == b"two"
    assert path.stat().st_ino != before, "renamed over, not written into"
    assert names(path.parent) == ["report.json"]


def test_an_existing_file_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_bytes(b"old")
    path.chmod(0o640)
    files.write(path, b"new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_link_stays_a_link_and_its_target_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    target = tmp_path / "there" / "real.json"
    target.write_bytes(b"old")
    link, chain = tmp_path / "link.json", tmp_path / "chain.json"
    link.symlink_to("there/real.json")
    chain.symlink_to(link)
    files.write(chain, b"new")
    assert chain.is_symlink()
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert names(tmp_path / "there") == ["real.json"]


def test_a_dangling_link_gets_its_target(tmp_path: Path) -> None:
    link = tmp_path / "link.json"
    link.symlink_to(tmp_path / "new" / "real.json")
    files.write(link, b"new")
    assert link.is_symlink()
    assert (tmp_path / "new" / "real.json").read_bytes() == b"new"


def test_another_name_of_the_same_file_keeps_the_old_content(tmp_path: Path) -> None:
    path, kept = tmp_path / "report.json", tmp_path / "yesterday.json"
    path.write_bytes(b"old")
    os.link(path, kept)
    files.write(path, b"new")
    assert (path.read_bytes(), kept.read_bytes()) == (b"new", b"old")


def test_a_device_is_written_through(tmp_path: Path) -> None:
    null = device(tmp_path / "null", NULL)
    before = null.stat()
    files.write(null, b"nothing")
    after = null.stat()
    assert stat.S_ISCHR(after.st_mode)
    assert after.st_ino == before.st_ino


def test_a_full_device_is_an_error_that_says_so(tmp_path: Path) -> None:
    full = device(tmp_path / "full", FULL)
    with pytest.raises(StoreError, match=r"full: cannot be written \(No space left on device\); "):
        files.write(full, b"much")


def test_a_fifo_is_written_through(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    read = list[bytes]()
    reader = threading.Thread(target=lambda: read.append(fifo.read_bytes()))
    reader.start()
    content = bytes(range(256)) * 1000  # more than a pipe holds
    files.write(fifo, content)
    reader.join()
    assert read == [content]
    assert stat.S_ISFIFO(fifo.stat().st_mode)


def test_a_reader_of_a_pipe_that_left_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    files.write(Path(f"/dev/fd/{writing}"), b"nobody reads this")
    os.close(writing)


def test_an_open_file_is_written_where_it_stands(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb", buffering=0) as log:
        log.write(b"before ")
        files.write(Path(f"/dev/fd/{log.fileno()}"), b"content ")
        files.write(Path(f"/proc/self/fd/{log.fileno()}"), b"twice")
    assert (tmp_path / "log").read_bytes() == b"before content twice"


def test_a_link_to_an_open_file_counts_as_one(tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to("/dev/stdout")
    assert files.descriptor(tmp_path / "out") == 1
    assert files.descriptor(Path("/dev/stderr")) == 2
    assert files.descriptor(tmp_path / "1") is None


def sock(path: Path) -> socket.socket:
    found = socket.socket(socket.AF_UNIX)
    found.bind(str(path))
    return found


@pytest.mark.parametrize("look", [files.check, lambda path: files.write(path, b"x")])
def test_what_can_name_no_file_is_bad_usage(
    tmp_path: Path, look: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path may be 107 bytes long
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("here")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "to folder").symlink_to("folder")
    with sock(Path("socket")):
        for name in (
            "folder",
            "file/below",
            "file/far/below",
            "loop",
            "to folder",
            "socket",
            "x" * 300,
            "\0",
        ):
            with pytest.raises(UsageError, match=r"cannot be written \(.*\); name a file"):
                look(Path(name))  # type: ignore[operator]
    assert names(tmp_path) == ["file", "folder", "loop", "socket", "to folder"]
    assert (tmp_path / "file").read_text() == "here"


def test_a_check_makes_and_changes_nothing(tmp_path: Path) -> None:
    there = tmp_path / "report.json"
    there.write_bytes(b"old")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "dangling").symlink_to("nowhere/at/all")
    for path in (
        there,
        tmp_path / "new" / "deep.json",
        tmp_path / "dangling",
        tmp_path / "fifo",
        Path("/dev/full"),
    ):
        files.check(path)
    assert names(tmp_path) == ["dangling", "fifo", "report.json"]
    assert there.read_bytes() == b"old"


def test_a_file_in_a_folder_that_takes_no_new_ones_is_written_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mounted.json"
    path.write_bytes(b"an old and longer content")

    def busy(*_: object) -> None:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    monkeypatch.setattr(os, "replace", busy)
    files.write(path, b"new")
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == ["mounted.json"]


def test_a_disk_that_fills_up_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.json"
    path.write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        StoreError, match=r"report\.json: cannot be written \(No space left on device\); free"
    ):
        files.write(path, b"new")
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["report.json"]


KILLED = """
import os, signal, sys
from pathlib import Path
from harness import files
with files.temporary(Path(sys.argv[1])) as file:
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_sweep_removes_what_killed_processes_left_and_nothing_else(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    subprocess.run(
        [sys.executable, "-c", KILLED, str(deep / "x")], check=False, cwd=Path(__file__).parents[1]
    )
    assert len(names(deep)) == 1
    (deep / "notes.tmp").write_bytes(b"somebody's")
    with files.temporary(deep / "y") as living:
        files.sweep(tmp_path)
        assert names(deep) == [Path(living.name).name, "notes.tmp"]
    assert names(deep) == ["notes.tmp"]


def test_without_locks_a_leftover_goes_after_an_hour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", no_locks)
    fresh, old = tmp_path / ".harness-1.tmp", tmp_path / ".harness-2.tmp"
    for path, age in ((fresh, 3500.0), (old, 3700.0)):
        path.write_bytes(b"half")
        then = path.stat().st_mtime - age
        os.utime(path, (then, then))
    files.sweep(tmp_path)
    assert names(tmp_path) == [".harness-1.tmp"]


def test_a_folder_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    order: list[str] = []

    def second() -> None:
        with files.held(tmp_path):
            order.append("second")

    with files.held(tmp_path / "nowhere"), files.held(tmp_path):
        other = threading.Thread(target=second)
        other.start()
        other.join(0.2)
        order.append("first")
    other.join()
    assert order == ["first", "second"]
