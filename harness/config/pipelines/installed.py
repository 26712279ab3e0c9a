"""Finds the installed diffusers without importing it."""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from pathlib import Path


@lru_cache(maxsize=1)
def diffusers_folder() -> Path | None:
    """The folder of the package, or None if it is not installed."""
    try:
        spec = importlib.util.find_spec("diffusers")
    except (ImportError, ValueError):
        return None
    return Path(spec.origin).parent if spec and spec.origin else None


@lru_cache(maxsize=4)
def diffusers_text(name: str) -> str | None:
    """The text of the package's file `name`, or None if it cannot be read."""
    folder = diffusers_folder()
    try:
        return (folder / name).read_text(encoding="utf-8") if folder else None
    except (OSError, UnicodeDecodeError):
        return None
