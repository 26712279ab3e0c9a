"""Two commands on one output folder: the second says who holds it; what a killed one left is gone with the next."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.outside.test_interrupted import start
from tests.run.processes import appears, gone
from tests.support.project import Project
from tests.support.stand_in import HANGS, RAISES, with_stand_ins


@pytest.fixture
def held(tmp_path: Path) -> Iterator[tuple[Project, int]]:
    """A project in whose folder a verify runs, and that one's process id."""
    project = with_stand_ins(Project(tmp_path), HANGS, RAISES)
    process = start(project, "verify", HANGS)
    assert appears(tmp_path / "worker")
    yield project, process.pid
    process.kill()
    process.communicate()
    assert gone(int((tmp_path / "worker").read_text()))


def test_the_second_command_says_who_holds_the_folder(held: tuple[Project, int]) -> None:
    project, pid = held
    kept = project.folder / "out" / "captures" / RAISES / "capture.safetensors"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"of the first")
    for words in (["verify"], ["record"], ["repeat"], ["calibrate"], ["accept"]):
        ran = project.harness(*words)
        assert ran.code == 2, (words, ran.err)
        assert f"out: is in use by `harness verify {HANGS}` (process {pid}, since 2" in ran.err
        assert ran.err.endswith("; wait until it has ended, or name another folder with --out\n")
    assert kept.read_bytes() == b"of the first"


def test_other_folders_and_commands_that_only_read_are_free(held: tuple[Project, int]) -> None:
    project, _ = held
    assert project.harness("list").code == 0
    assert project.harness("verify", RAISES, "--out", "other").code == 1
    assert project.harness("accept", "--out", "nowhere").code == 2
    assert not (project.folder / "nowhere").exists()


def test_after_a_kill_the_next_command_runs_and_sweeps(tmp_path: Path) -> None:
    project = with_stand_ins(Project(tmp_path), HANGS, RAISES)
    process = start(project, "verify", HANGS)
    assert appears(tmp_path / "worker")
    left = [
        tmp_path / f"out/captures/{HANGS}/capture.safetensors.bits.tmp",
        tmp_path / f"out/captures/{HANGS}/.harness-0123456789abcdef.tmp",
        tmp_path / f"out/captures/{HANGS}/gate-ulp.safetensors",
        tmp_path / f"out/captures/{HANGS}/calibrate-ulp-1.safetensors",
        tmp_path / f"out/captures/{HANGS}/sensitivity/scheduler.shift forced.safetensors",
        tmp_path / "out/.harness-0123456789abcdef.tmp",
        tmp_path / "goldens/some/case/.harness-0123456789abcdef.tmp",
    ]
    kept = [
        tmp_path / f"out/captures/{HANGS}/capture.safetensors",
        tmp_path / f"out/captures/{HANGS}/sensitivity/base.safetensors",
        tmp_path / "out/captures/sensitivity/capture.safetensors",
        tmp_path / "goldens/some/case/notes.tmp",
    ]
    for path in (*left, *kept):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    ran = project.harness("verify", RAISES)
    assert ran.code == 1, ran.err
    assert [path for path in left if path.exists()] == []
    assert [path for path in kept if not path.exists()] == []
