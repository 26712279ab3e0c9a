"""What a shell needs to know about the command line to complete it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Takes = Literal["nothing", "one of", "folder", "file", "anything"]
"""What follows an option: nothing, one of its values, a path, or text that no shell can guess."""


@dataclass(frozen=True, slots=True)
class CompletedOption:
    """An option with all its names, what follows it, and its help; `values` are those of `one of`."""

    names: tuple[str, ...]
    help: str
    takes: Takes = "nothing"
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CompletedCommand:
    """A command with its options; `values` are the words that its arguments accept, empty if they may be paths."""

    name: str
    summary: str
    options: tuple[CompletedOption, ...]
    values: tuple[str, ...] = ()
