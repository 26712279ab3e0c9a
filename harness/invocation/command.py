"""How a command presents itself to the command line: its options, what it locks, and the function that runs it."""

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

_COMMON = ("configs", "goldens", "out", "device", "jobs", "json", "junit", "markdown", "annotations")


class Hold(Enum):
    """How a command locks the output folder: two commands writing into one would destroy each other's captures."""

    NOTHING = "nothing"
    READING = "reading"
    WRITING = "writing"


def _no_misuse(_arguments: argparse.Namespace) -> Iterable[str]:
    return ()


@dataclass(frozen=True, slots=True)
class Command:
    """One command; `run` takes the parsed command line and returns the exit code.

    `misuse` returns a sentence for each option that would have no effect given the others.
    """

    run: Callable[[argparse.Namespace, Screen], int]
    options: tuple[Group, ...] = ()
    holds: Callable[[argparse.Namespace], Hold] = lambda _: Hold.NOTHING
    misuse: Callable[[argparse.Namespace], Iterable[str]] = _no_misuse


def writes(_arguments: argparse.Namespace) -> Hold:
    """For commands that run cases into the output folder."""
    return Hold.WRITING


def reads(_arguments: argparse.Namespace) -> Hold:
    """For commands that use what another command left in the output folder."""
    return Hold.READING


def options_of(arguments: argparse.Namespace) -> Options:
    """The common options; those that the command lacks keep their defaults."""
    stated = {name: getattr(arguments, name, None) for name in _COMMON}
    given = {name: value for name, value in stated.items() if value is not None}
    return Options(select=tuple(getattr(arguments, "select", ())), quiet=arguments.quiet, **given)
