"""An output folder that cannot be written: one sentence, exit 2 where the argument is at fault and 3 otherwise."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.project import ROOT, Project
from tests.support.stand_in import RAISES, SKIPPED, with_stand_ins


def limited(project: Project, size: int, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command that can write no file of more than `size` bytes, as on a disk that is full by then."""
    path = os.pathsep.join([project.variables["PYTHONPATH"], str(ROOT)])
    return subprocess.run(
        [sys.executable, "-m", "harness", *words],
        cwd=project.folder,
        env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
    )


@pytest.mark.parametrize("command", ["verify", "record", "repeat", "calibrate", "sensitivity", "explain"])
def test_a_path_that_can_be_no_folder_is_bad_usage(tmp_path: Path, command: str) -> None:
    project = with_stand_ins(Project(tmp_path), SKIPPED)
    (tmp_path / "file").write_text("somebody's")
    (tmp_path / "dangling").symlink_to("nowhere/at/all")
    paths = ["file", "file/below", "dangling"] if command == "verify" else ["file"]
    for path in paths:
        ran = project.harness(command, "--out", path)
        assert (ran.code, ran.out) == (2, ""), ran.err
        assert ran.err == f"error: {path}: cannot be written (Not a directory); name a folder with --out\n"
    assert (tmp_path / "file").read_text() == "somebody's"


def test_a_folder_that_takes_no_files_is_an_error(tmp_path: Path) -> None:
    project = with_stand_ins(Project(tmp_path), SKIPPED)
    ran = project.harness("verify", "--out", "/proc/harness-out")
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.startswith("error: /proc/harness-out: cannot be written (")
    assert ran.err.count("\n") == 1


def test_what_lies_in_the_place_of_the_logs_is_named(tmp_path: Path) -> None:
    project = with_stand_ins(Project(tmp_path), SKIPPED)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "logs").write_text("no folder")
    ran = project.harness("verify")
    assert ran.code == 3
    assert ran.err.splitlines()[-1] == (
        "error: out/logs/worker-0.log: cannot be written (Not a directory); "
        "free the space or grant the permission, or name another folder with --out"
    )


def test_a_full_disk_at_the_start_is_an_error(tmp_path: Path) -> None:
    ran = limited(with_stand_ins(Project(tmp_path), RAISES), 0, "verify")
    assert ran.returncode == 3
    assert ran.stderr == (
        "error: out: cannot be written (File too large); "
        "free the space or grant the permission, or name another folder with --out\n"
    )


def test_a_report_that_finds_no_space_does_not_hide_the_verdicts(tmp_path: Path) -> None:
    project = with_stand_ins(Project(tmp_path), RAISES, SKIPPED)
    ran = limited(project, 700, "verify", "--device", "cpu")
    assert ran.returncode == 3, ran.stderr
    assert "out/report.json: cannot be written (File too large)" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert "2 cases: 1 broken, 1 skipped" in ran.stdout or "1 broken, 1 skipped" in ran.stdout
