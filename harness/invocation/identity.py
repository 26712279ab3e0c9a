"""Who types the command: the git identity of the project or, without one, the user of the system."""

from __future__ import annotations

import getpass
import os
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime

from harness.core.history import Person

_LONGEST = 200
_PATIENCE = 10.0
"""Seconds after which a git that does not answer counts as absent."""


def person() -> Person:
    """`git config user.name` and `user.email` of the current folder, which is the project's root.

    Without git, or without a name in its configuration, it is the user of the system.
    """
    configured = _configured()
    if name := configured.get("user.name"):
        return Person(name, configured.get("user.email", ""))
    return Person(_user(), source="system")


def now() -> str:
    """The current time in UTC, in ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _configured() -> Mapping[str, str]:
    """What git's configuration says of the user, by key; empty without git."""
    command = ["git", "config", "-z", "--get-regexp", r"^user\."]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_PATIENCE, check=False)
    except (OSError, subprocess.SubprocessError):
        return {}
    entries = done.stdout.decode(errors="replace").split("\0")
    return {key: _line(value) for key, _, value in (entry.partition("\n") for entry in entries)}


def _user() -> str:
    try:
        return _line(getpass.getuser()) or str(os.getuid())
    except (KeyError, OSError, ImportError):  # a container's user may have no name
        return str(os.getuid())


def _line(text: str) -> str:
    """The printable text on one line, of bounded length."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(shown.split())[:_LONGEST]
