"""What a command is to the command line: the options that it obeys, what it holds, and what runs it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from harness.invocation.arguments import Group
from harness.invocation.options import Options

if TYPE_CHECKING:
    from harness.report.terminal import Screen

_COMMON = ("configs", "goldens", "out", "device", "jobs", "json", "junit")


class Hold(Enum):
    """How a command holds the output folder: two that write into one would destroy each other's captures."""

    NOTHING = "nothing"
    READING = "reading"
    WRITING = "writing"


def _no_misuse(_arguments: argparse.Namespace) -> Iterable[str]:
    return ()


@dataclass(frozen=True, slots=True)
class Command:
    """One command; `run` takes the parsed command line and returns the exit code.

    `misuse` says, in sentences, what was asked for and would have no effect beside the rest.
    """

    run: Callable[[argparse.Namespace, Screen], int]
    options: tuple[Group, ...] = ()
    holds: Callable[[argparse.Namespace], Hold] = lambda _: Hold.NOTHING
    misuse: Callable[[argparse.Namespace], Iterable[str]] = _no_misuse


def writes(_arguments: argparse.Namespace) -> Hold:
    """Of the commands that run cases into the output folder."""
    return Hold.WRITING


def reads(_arguments: argparse.Namespace) -> Hold:
    """Of the commands that use what another left in the output folder."""
    return Hold.READING


def options_of(arguments: argparse.Namespace) -> Options:
    """The common options; those that the command does not have keep their defaults."""
    stated = {name: getattr(arguments, name, None) for name in _COMMON}
    given = {name: value for name, value in stated.items() if value is not None}
    return Options(select=tuple(getattr(arguments, "select", ())), quiet=arguments.quiet, **given)
