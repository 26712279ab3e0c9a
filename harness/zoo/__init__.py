"""The registry of built-in models: their names, their folders and the recorded hash of each of their files.

Standard library only, so that listing the models loads neither torch nor diffusers.
"""

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parent
LOCK_FILE = "zoo.lock.json"

_NAMES = ("ddpm-digits", "sd-digits", "unclip-digits")


def names() -> tuple[str, ...]:
    """Return the names of the built-in models, as `builtin:NAME` in a config spells them."""
    return _NAMES


def model_dir(name: str) -> Path:
    """Return the folder of the built-in model `name`, laid out as diffusers' `from_pretrained` reads it.

    Raises LookupError when no built-in model has that name.
    """
    if name not in _NAMES:
        raise LookupError(f"{name!r} is not a built-in model; use one of: {', '.join(_NAMES)}")
    return ROOT / name


def locked_files() -> dict[str, dict[str, str]]:
    """Return, per built-in model, the SHA-256 (64 hex digits) of each of its files.

    File names are relative to the model's folder and use forward slashes.
    """
    locked: dict[str, dict[str, str]] = json.loads((ROOT / LOCK_FILE).read_text(encoding="utf-8"))
    return locked
