"""What several test processes of one session need is made by the first of them."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path


def made_once(base: Path, name: str, make: Callable[[Path], None]) -> Path:
    """The folder that `make` has filled, for all processes of the session; whoever changes it copies it first.

    `base` is the folder of temporary files that pytest gives this process.
    """
    # pytest-xdist gives each of its processes a folder inside that of the session.
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    shared.mkdir(exist_ok=True)
    folder, done = shared / name, shared / f"{name}.done"
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            done.touch()
    return folder
