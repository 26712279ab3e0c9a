"""The environment variables that a command started by a test inherits."""

from __future__ import annotations

import os
from collections.abc import Mapping

_OF_MAKE = ("ARGS", "SELECT", "MFLAGS")


def without_make() -> Mapping[str, str]:
    """This process's variables, without those by which an outer `make` would speak to an inner one."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("MAKE") and name not in _OF_MAKE
    }
