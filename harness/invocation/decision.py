"""The reason for a decision: its option, what it may say, and how it is asked for in a terminal."""

from __future__ import annotations

import argparse
import unicodedata
from collections.abc import Sequence

from harness.core.history import Decision
from harness.errors import UsageError
from harness.invocation.arguments import Group
from harness.invocation.identity import now, person
from harness.report.harmless import one_line
from harness.report.terminal import Screen

LONGEST_REASON = 1000
"""The most characters of a reason."""

_INVISIBLE = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Categories of Unicode: control characters, marks that hide or reorder text, lone surrogates, line separators."""

_NAMED = 3


def gives_reason(what: str) -> Group:
    """The option `--reason` with this help."""

    def declare(command: argparse.ArgumentParser) -> None:
        command.add_argument("--reason", type=_reason_option, metavar="TEXT", help=what)

    return declare


def checked_reason(text: str) -> str:
    """The reason on one line; raises ValueError for one that is empty, too long, or not readable text."""
    line = " ".join(text.split())
    if not line:
        raise ValueError("the reason is empty; say why in a few words")
    if not any(letter.isalnum() for letter in line):
        raise ValueError(f"{line!r} says no reason; say why in a few words")
    if len(line) > LONGEST_REASON:
        raise ValueError(
            f"the reason has {len(line)} characters, at most {LONGEST_REASON} are kept; shorten it"
        )
    for letter in line:
        if unicodedata.category(letter) in _INVISIBLE:
            raise ValueError(f"the reason holds the invisible character U+{ord(letter):04X}; leave it out")
    return line


def needed_reason(given: str | None, screen: Screen, what: str, cases: Sequence[str]) -> str:
    """The reason given or else typed in the terminal, for what is to be done to `cases`; raises UsageError."""
    if given is not None:
        return given
    named = ", ".join(cases[:_NAMED]) + (f" and {len(cases) - _NAMED} more" if len(cases) > _NAMED else "")
    if not screen.can_ask:
        raise UsageError(f"--reason: missing; {what} {named} needs a reason, which stays in the history")
    answer = screen.ask(f"{what} {named}; the reason stays in the history\nreason: ")
    try:
        return checked_reason(answer or "")
    except ValueError as error:
        raise UsageError(f"{one_line(str(error))}; nothing was changed") from error


def decision(why: str | None) -> Decision:
    """A decision of the person who types the command, made now; about no judgement yet."""
    return Decision(person(), now(), why or "")


def _reason_option(text: str) -> str:
    try:
        return checked_reason(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
