"""`harness diff`: show the metrics between two entries of a golden's history."""

from __future__ import annotations

import argparse

from harness.commands.list import expected_platform
from harness.golden.store import GoldenStore
from harness.invocation.arguments import at_least, goldens, project, shows
from harness.invocation.command import Command, options_of
from harness.invocation.emit import emit_json
from harness.invocation.options import Options
from harness.report.terminal import Screen
from harness.report.views.review.log import difference_json
from harness.review.difference import difference
from harness.review.log import history, platform_of
from harness.trials.bitwise import differing


def diff(
    case: str, numbers: tuple[int | None, int | None], platform: str | None, options: Options, screen: Screen
) -> int:
    """Returns 0 if every output of the two goldens is bit-identical, otherwise 1."""
    store = GoldenStore(options.goldens)
    found = history(case, platform_of(case, platform, expected_platform("auto"), store), store)
    told = difference(found, *numbers, store)
    emit_json(difference_json(told), options)
    screen.show_difference(told)
    return 1 if differing(told.tensors) else 0


def _entries(command: argparse.ArgumentParser) -> None:
    command.add_argument("case", metavar="CASE", help="a case id")
    help_first = "the number of an entry in `harness log` (default: the one before the second)"
    command.add_argument("first", nargs="?", type=at_least(1), metavar="N", help=help_first)
    help_second = "the number of the second entry (default: the latest)"
    command.add_argument("second", nargs="?", type=at_least(1), metavar="M", help=help_second)


def _platform(command: argparse.ArgumentParser) -> None:
    what = "whose golden (default: this machine's, or the only one)"
    command.add_argument("--platform", metavar="PLATFORM", help=what)


def _run(arguments: argparse.Namespace, screen: Screen) -> int:
    numbers = (arguments.first, arguments.second)
    return diff(arguments.case, numbers, arguments.platform, options_of(arguments), screen)


COMMAND = Command(_run, (_entries, project, goldens, _platform, shows))
