"""Commands that are killed before each of their changes to the file system, one moment after the other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.support.project import ROOT

# Python tells an audit hook of each change right before the operating system makes it.
_SCRIPT = """
import os, signal, sys
moment, place = int(sys.argv[1]), os.path.realpath(sys.argv[2])
from harness.cli import main
CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate")
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
seen = 0

def hook(event, given):
    global seen
    if event not in CHANGES and not (event == "open" and given[2] & WRITES):
        return
    path = given[0]
    if not isinstance(path, (str, bytes)) or os.path.basename(os.fsdecode(path)) == ".lock":
        return
    if not os.path.realpath(os.fsdecode(path)).startswith(place):
        return
    seen += 1
    if seen == moment:
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(hook)
sys.exit(main(sys.argv[3:]))
"""

MOST = 60


def killed_at(
    moment: int, folder: Path, *words: str, variables: Mapping[str, str] | None = None, typed: str = ""
) -> bool:
    """Run `harness` with `words` in `folder`, killed before its change number `moment`; whether it came to that.

    Raises AssertionError if it ended by itself with another exit code than 0.
    """
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, str(moment), str(folder), *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(variables or {})},
        capture_output=True,
        text=True,
        input=typed,
        check=False,
    )
    if done.returncode == -signal.SIGKILL:
        return True
    assert done.returncode == 0, done.stdout + done.stderr
    return False


def moments() -> Iterator[int]:
    """1, 2, 3, ...; fails a test in which a command never ends by itself."""
    yield from range(1, MOST)
    raise AssertionError(f"the command makes {MOST} changes or more")
