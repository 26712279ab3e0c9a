"""Commands that a test runs in its own process: their workers are forked too."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.run import forks, process
from tests.support.starts import client


@contextmanager
def forking(site: Path | None = None, *variables: str) -> Iterator[None]:
    """While open, commands in this process fork their workers; PYTHONPATH is what these find the harness by.

    What lies in the folder `site` comes late, and so do the `variables` that it reads (`Project.patch_late`).
    """
    with pytest.MonkeyPatch.context() as patch:
        for name, value in client.variables().items():
            patch.setenv(name, value)
        if site is not None:
            patch.setenv("PYTHONPATH", os.pathsep.join([str(site), client.variables()["PYTHONPATH"]]))
            patch.setenv(client.LATE, ",".join(["PYTHONPATH", *variables]))
        if sys.platform == "linux":
            for module in (process, forks):
                patch.setattr(module, "spawned", client.begun)
        yield
