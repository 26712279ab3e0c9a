"""What is kept: what is in use stays, what was not used for longest goes first, and nothing else is touched."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.upgrade import kept
from harness.upgrade.kept import (
    Disk,
    cache_limit,
    environments,
    freed_by,
    hold,
    in_use,
    prune,
    size_of,
    taken,
)

BLOCK = 64 * 1024
"""The bytes of the files of these tests: whole blocks of any file system."""


def environment(root: Path, number: int, used: int, *files: str) -> Path:
    """An environment with files of one block each, last used at this second."""
    folder = root / f"{number:032x}"
    folder.mkdir(parents=True)
    (folder / kept.LOCK).write_text("a==1\n")
    for name in files:
        (folder / name).write_bytes(os.urandom(BLOCK))
    (folder / kept.USED).touch()
    os.utime(folder / kept.USED, (used, used))
    return folder


def names(root: Path) -> list[int]:
    return sorted(int(path.name, 16) for path in root.iterdir() if path.suffix != ".tmp")


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("20GB", 20 * 10**9),
        ("500 mb", 5 * 10**8),
        ("1.5T", 15 * 10**11),
        ("7", 7),
        ("0", 0),
        ("", 20 * 10**9),
    ],
)
def test_a_limit_is_a_size(monkeypatch: pytest.MonkeyPatch, text: str, size: int) -> None:
    monkeypatch.setenv("HARNESS_CACHE_LIMIT", text)
    assert cache_limit() == size


@pytest.mark.parametrize("text", ["much", "20 GiB", "-1GB", "1e9", "GB"])
def test_what_is_no_size_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("HARNESS_CACHE_LIMIT", text)
    with pytest.raises(UsageError, match=f"^HARNESS_CACHE_LIMIT={text}: no size"):
        cache_limit()


def test_a_file_counts_once_however_many_names_it_has(tmp_path: Path) -> None:
    one, two = environment(tmp_path / "envs", 1, 1, "own", "ours"), environment(tmp_path / "envs", 2, 2)
    os.link(one / "own", one / "own-too")
    os.link(one / "ours", two / "ours")
    (two / "inside").mkdir()
    (two / "inside/theirs").write_bytes(bytes(BLOCK))
    os.link(two / "inside/theirs", tmp_path / "elsewhere")
    # What is left of each environment besides its files of one block: folders, lock, last use.
    rest = [size_of(taken(folder)) - BLOCK * 2 for folder in (one, two)]
    assert all(0 <= more < BLOCK for more in rest)
    assert freed_by(taken(one)) == BLOCK + rest[0]
    assert freed_by(taken(two)) == rest[1]
    disk = Disk.of([one, two])
    assert disk.bytes == 3 * BLOCK + sum(rest)
    disk.without(one)
    assert disk.bytes == size_of(taken(two))


def test_what_was_not_used_for_longest_goes_first(tmp_path: Path) -> None:
    for number, used in ((1, 30), (2, 10), (3, 20)):
        environment(tmp_path, number, used, "file")
    assert [int(path.name, 16) for path in environments(tmp_path)] == [1, 3, 2]
    whole = Disk.of(environments(tmp_path)).bytes
    assert prune(tmp_path, whole) == ()
    assert prune(tmp_path, whole - 1) == (f"{2:032x}",)
    assert prune(tmp_path, 0) == (f"{3:032x}", f"{1:032x}")
    assert names(tmp_path) == []
    assert prune(tmp_path / "nowhere", 0) == ()


def test_what_is_shared_frees_nothing_until_the_last_goes(tmp_path: Path) -> None:
    one, two = environment(tmp_path, 1, 10, "file"), environment(tmp_path, 2, 20)
    os.link(one / "file", two / "file")
    # Removing the older one leaves the file where it is; the limit is met by nothing less than both.
    assert len(prune(tmp_path, BLOCK - 1)) == 2


def test_what_is_in_use_stays(tmp_path: Path) -> None:
    one, two = environment(tmp_path, 1, 10), environment(tmp_path, 2, 20)
    holding = hold(one)
    assert (in_use(one), in_use(two)) == (True, False)
    assert prune(tmp_path, 0) == (two.name,)
    del holding
    assert not in_use(one)
    assert prune(tmp_path, 0) == (one.name,)
    assert hold(one) is None


def test_another_process_holds_until_it_ends_however_it_ends(tmp_path: Path) -> None:
    folder = environment(tmp_path, 1, 10)
    script = (
        "import sys; from pathlib import Path; from harness.upgrade.kept import hold; "
        "held = hold(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        assert prune(tmp_path, 0) == ()
        process.kill()
    assert prune(tmp_path, 0) == (folder.name,)


def test_one_that_vanishes_before_it_is_held_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = environment(tmp_path, 1, 10)

    def flock(_number: int, _how: int) -> None:
        folder.rename(tmp_path / "gone")
        environment(tmp_path, 1, 20)

    monkeypatch.setattr(kept.fcntl, "flock", flock)
    assert hold(folder) is None


def test_nothing_else_is_touched(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "envs", tmp_path / "elsewhere"
    real = environment(elsewhere, 1, 10)
    environment(root, 2, 10)
    (root / f"{3:032x}").symlink_to(real)
    (root / f"{4:032x}").mkdir()
    (root / "mine").mkdir()
    (root / "mine" / kept.LOCK).write_text("a==1\n")
    (root / f"{5:032x}.old.tmp").mkdir()
    assert prune(root, 0) == (f"{2:032x}",)
    assert {path.name for path in root.iterdir()} == {
        f"{3:032x}",
        f"{4:032x}",
        "mine",
        f"{5:032x}.old.tmp",
    }
    assert (real / kept.LOCK).is_file()


def test_what_a_dead_process_left_half_built_is_swept(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    dead, alive, held = (
        tmp_path / f"{number:032x}.{process}.tmp"
        for number, process in enumerate((ended.pid, os.getpid(), ended.pid))
    )
    for folder in (dead, alive, held):
        (folder / "lib").mkdir(parents=True)
    holding = kept.Held(held)  # built by a process that this one cannot see
    prune(tmp_path, 10**12)
    assert (dead.exists(), alive.exists(), held.exists()) == (False, True, True)
    del holding


def test_without_locks_what_was_not_used_for_a_day_may_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(_number: int, _how: int) -> None:
        raise OSError(95, "not supported")

    old, new = environment(tmp_path, 1, 10), environment(tmp_path, 2, 10)
    monkeypatch.setattr(kept.fcntl, "flock", flock)
    holding = hold(new)
    assert prune(tmp_path, 0) == (old.name,)
    assert new.exists()
    del holding
