"""Screens as tests look at them: what a command shows on a pipe, or on a terminal that can colour."""

from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Callable
from textwrap import dedent

from harness.report.terminal import Screen


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def shown(call: Callable[[Screen], None], *, quiet: bool = False, width: int | None = None) -> str:
    """What `call` shows if standard output is not a terminal."""
    stream = io.StringIO()
    call(Screen(quiet=quiet, stream=stream, width=width))
    return stream.getvalue()


def shown_in_colour(call: Callable[[Screen], None], *, width: int = 80) -> str:
    """What `call` shows on a terminal, control sequences and all."""
    stream = Terminal()
    call(Screen(quiet=False, stream=stream, width=width))
    return stream.getvalue()


def without_colours(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def screen(text: str) -> str:
    """An expected screen written as an indented block that begins on its second line."""
    return dedent(text).removeprefix("\n")


def columns(line: str) -> int:
    """The columns a line takes by the East Asian Width property, independently of rich."""
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in line
    )


def widest(text: str) -> int:
    return max(map(columns, text.split("\n")))
