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
    "module", ["argparse", "harness.cli", "pydantic", "rich.console", "harness.workflow.verify"]
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


def test_a_signal_that_the_caller_ignores_stays_ignored(tmp_path: Path) -> None:
    script = (
        "import os, signal\n"
        "from harness import interrupts\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"  # as nohup does
        "with interrupts.answered(), interrupts.gently():\n"
        "    os.kill(os.getpid(), signal.SIGHUP)\n"
        "print('went on')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "went on\n", "")


CLEANING = """
import os, signal, subprocess, sys, time
from harness import interrupts
interrupts._ONE_GESTURE_SECONDS = 0.0
worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"], start_new_session=True)
interrupts.kill_on_exit(worker.pid)
print(worker.pid, flush=True)
with interrupts.answered(), interrupts.gently():
    try:
        os.kill(os.getpid(), signal.SIGINT)
    except KeyboardInterrupt:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(3600)  # what cleans up hangs
"""


def test_a_second_signal_does_not_wait_and_leaves_no_worker() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CLEANING],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=interruptible,
    )
    assert done.returncode == 143
    assert done.stderr == "error: terminated\n"
    assert gone(int(done.stdout))
