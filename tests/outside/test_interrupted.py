"""Ctrl-C, SIGTERM and SIGHUP at any moment: one sentence, the code that shells know, and no worker left alive."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.run.processes import appears, gone
from tests.support.project import ROOT, Project, interruptible, patch_of
from tests.support.stand_in import HANGS, RAISES, with_stand_ins


def start(project: Project, *words: str) -> subprocess.Popen[str]:
    path = os.pathsep.join(filter(None, [project.variables.get("PYTHONPATH", ""), str(ROOT)]))
    return subprocess.Popen(
        [sys.executable, "-m", "harness", *words],
        cwd=project.folder,
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=interruptible,
    )


@pytest.mark.parametrize(
    "module", ["argparse", "harness.cli", "pydantic", "rich.console", "harness.commands.verify"]
)
def test_ctrl_c_during_the_imports_is_a_sentence(tmp_path: Path, module: str) -> None:
    body = "import os, signal, sys\nif 'harness' in sys.orig_argv: os.kill(os.getpid(), signal.SIGINT)"
    project = Project(tmp_path).patch(patch_of(module, body))
    project.config("one")
    process = start(project, "verify")
    _, err = process.communicate()
    assert process.returncode == 130
    assert err == "error: interrupted\n"


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_during_a_run_stops_the_workers(tmp_path: Path, number: signal.Signals, code: int) -> None:
    project = with_stand_ins(Project(tmp_path), HANGS, RAISES)
    process = start(project, "verify", "--jobs", "2")
    assert appears(tmp_path / "worker")
    process.send_signal(number)
    process.send_signal(number)  # as `timeout` does, which signals the process and its group
    _, err = process.communicate()
    assert process.returncode == code, err
    assert "Traceback" not in err
    assert err.splitlines()[-1].endswith("every worker was stopped, and no golden was left half-written")
    assert gone(int((tmp_path / "worker").read_text()))
