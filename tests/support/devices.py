"""Devices that a test may lose: a mistake as root would replace the system's own."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

NULL, FULL = (1, 3), (1, 7)
"""Linux's numbers of /dev/null and /dev/full."""


def device(path: Path, numbers: tuple[int, int]) -> Path:
    """A device of its own at `path`; skips the test where none can be made or used."""
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(*numbers))
        os.close(os.open(path, os.O_WRONLY))
    except OSError as error:
        pytest.skip(f"no device can be made here: {error.strerror}")
    return path
