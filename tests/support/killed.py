"""Commands that are killed before each change to configs, goldens or other folders, one moment after the other."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

from tests.support.project import Project

# Python tells an audit hook of each change right before the operating system makes it.
_SOURCE = """
import os, signal, sys

CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate")
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
MOMENT = int(os.environ["HARNESS_TESTS_MOMENT"])
PLACES = tuple(os.path.realpath(place) for place in os.environ["HARNESS_TESTS_PLACES"].split(","))
seen = 0

def hook(event, given):
    global seen
    if event not in CHANGES and not (event == "open" and given[2] & WRITES):
        return
    if not isinstance(given[0], (str, bytes)) or not os.path.abspath(os.fsdecode(given[0])).startswith(PLACES):
        return
    seen += 1
    if seen == MOMENT:
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(hook)
"""

_MOMENT = "HARNESS_TESTS_MOMENT"
_PLACES = "HARNESS_TESTS_PLACES"
_MOST = 80


def killed_at(moment: int, folder: Path, *words: str, places: str = "configs,goldens", ends: int = 0) -> bool:
    """Run `harness` with `words` in `folder`, killed before its change number `moment`; whether it came to that.

    Changes count in the `places`, separated by commas. Raises AssertionError if it ended by itself with another exit
    code than `ends`.
    """
    variables = {_MOMENT: str(moment), _PLACES: places}
    project = Project(folder).patch_late(_SOURCE, _MOMENT, _PLACES).with_variables(**variables)
    ran = project.harness(*words)
    if ran.code in (-signal.SIGKILL, 128 + signal.SIGKILL):
        return True
    assert ran.code == ends, ran.out + ran.err
    return False


def moments() -> Iterator[int]:
    """1, 2, 3, ...; fails a test in which a command never ends by itself."""
    yield from range(1, _MOST)
    raise AssertionError(f"the command makes {_MOST} changes or more")
