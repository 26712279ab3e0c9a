"""The output folder is one command's at a time, and says whose."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import StoreError, UsageError
from harness.invocation.options import Options
from harness.invocation.output_folder import LOCK_NAME, held, held_for_reading


def options(folder: Path) -> Options:
    return Options(out=folder / "out", goldens=folder / "goldens")


def no_warning(message: str) -> None:
    raise AssertionError(message)


def test_the_folder_is_made_and_names_its_holder(tmp_path: Path) -> None:
    with held(options(tmp_path), ["verify", "a b", "\udcff"], no_warning):
        holder = json.loads((tmp_path / "out" / LOCK_NAME).read_text())
    assert holder["pid"] == os.getpid()
    assert holder["command"] == "harness verify 'a b' '\\udcff'"


def test_one_at_a_time_and_then_the_next(tmp_path: Path) -> None:
    for _ in range(2):
        with held(options(tmp_path), ["verify"], no_warning):
            with pytest.raises(UsageError, match=r"out: is in use by `harness verify` \(process \d+, since "):
                held(options(tmp_path), ["record"], no_warning).__enter__()
            with pytest.raises(UsageError, match="is in use by"):
                held_for_reading(options(tmp_path), ["accept"]).__enter__()
    with held_for_reading(options(tmp_path), ["accept"]), pytest.raises(UsageError, match="harness accept"):
        held(options(tmp_path), ["verify"], no_warning).__enter__()


def test_a_name_that_was_left_by_a_dead_process_is_not_given(tmp_path: Path) -> None:
    with held(options(tmp_path), ["verify"], no_warning):
        dead = subprocess.Popen([sys.executable, "-c", ""])
        dead.wait()
        path = tmp_path / "out" / LOCK_NAME
        path.write_text(json.dumps({**json.loads(path.read_text()), "pid": dead.pid}))
        with pytest.raises(UsageError, match="is in use by another command; wait until"):
            held(options(tmp_path), ["record"], no_warning).__enter__()
        path.write_text("not json")
        with pytest.raises(UsageError, match="is in use by another command; wait until"):
            held(options(tmp_path), ["record"], no_warning).__enter__()


def test_a_reader_makes_nothing(tmp_path: Path) -> None:
    with held_for_reading(options(tmp_path), ["accept"]):
        assert not (tmp_path / "out").exists()


def test_a_link_in_the_place_of_the_lock_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("somebody's")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / LOCK_NAME).symlink_to(precious)
    with pytest.raises(UsageError, match="out: cannot be written"):
        held(options(tmp_path), ["verify"], no_warning).__enter__()
    assert precious.read_text() == "somebody's"


def test_without_locks_it_is_used_with_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", no_locks)
    spool = tmp_path / "out" / "captures" / "case" / "capture.safetensors.bits.tmp"
    spool.parent.mkdir(parents=True)
    spool.write_bytes(b"maybe of a living one")
    warnings = list[str]()
    with held(options(tmp_path), ["verify"], warnings.append):
        assert spool.exists()
    (warning,) = warnings
    assert warning.endswith(
        "out: cannot be locked (No locks available); do not run another command on this folder meanwhile"
    )


def test_a_full_disk_is_reported_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "ftruncate", full)
    with pytest.raises(
        StoreError, match=r"out: cannot be written \(No space left on device\); free the space"
    ):
        held(options(tmp_path), ["verify"], no_warning).__enter__()
