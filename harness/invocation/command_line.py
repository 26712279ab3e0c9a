"""Command lines to print, quoted so that they can be copied into a shell."""

from __future__ import annotations

import shlex


def command(*words: str) -> str:
    """`harness` with `words`, each quoted where the shell needs it."""
    return shlex.join(["harness", *words])
