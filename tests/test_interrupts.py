"""What a signal does: end the process at once, raise if a cleanup is needed, and not wait the second time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness import interrupts
from harness.errors import Terminated
from tests.run.processes import gone
from tests.support.project import interruptible

ROOT = Path(__file__).resolve().parents[1]


def send(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize(
    ("number", "kind", "code"),
    [
        (signal.SIGINT, KeyboardInterrupt, None),
        (signal.SIGTERM, Terminated, 143),
        (signal.SIGHUP, Terminated, 129),
    ],
)
def test_where_something_is_cleaned_up_a_signal_raises(
    number: signal.Signals, kind: type[BaseException], code: int | None
) -> None:
    before = signal.getsignal(number)
    if before is signal.SIG_IGN:
        pytest.skip(f"{number.name} is ignored around the tests, and so by what they run")
    with interrupts.answered(), interrupts.gently():
        with pytest.raises(kind) as raised:
            send(number)
        assert getattr(raised.value, "exit_code", None) == code
        send(number)  # right after the first: part of it
    assert signal.getsignal(number) is before


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
