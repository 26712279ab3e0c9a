"""Commands that a test runs in its own process: their workers are forked too."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from harness.run import forks, process
from tests.support.starts import client


@contextmanager
def forking() -> Iterator[None]:
    """While open, commands in this process fork their workers; PYTHONPATH is what these find the harness by."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in client.variables().items():
            patch.setenv(name, value)
        if sys.platform == "linux":
            for module in (process, forks):
                patch.setattr(module, "spawned", client.begun)
        yield
