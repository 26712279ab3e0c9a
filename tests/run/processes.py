"""Ask the operating system about processes."""

from __future__ import annotations

import os
import time
from pathlib import Path

_PATIENCE_SECONDS = 60.0


def gone(pid: int) -> bool:
    """Whether the process ends before patience does; one that only awaits its parent's notice has ended."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if not _lives(pid):
            return True
        time.sleep(0.02)
    return False


def appears(path: Path) -> bool:
    """Whether the file comes to be before patience ends."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if path.exists():
            return True
        time.sleep(0.02)
    return False


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    try:
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return not status.parent.parent.joinpath("self").exists()
