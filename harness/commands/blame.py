"""`harness blame`: which change of a dependency made a case differ?"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

from harness.core.case import Case
from harness.core.results.blame import Blame, BlameReport
from harness.errors import UsageError
from harness.golden.store import GoldenStore
from harness.invocation.arguments import RUNNING, goldens, installs, selects
from harness.invocation.command import Command, options_of, writes
from harness.invocation.emit import emit
from harness.invocation.options import BlameOptions, Options
from harness.report.harmless import harmless_json
from harness.report.json_report import write_text
from harness.report.terminal import Screen
from harness.report.views.blame import blame_json
from harness.trials.cases import cases_to_run

BLAME_NAME = "blame.json"
"""The report of a blame, in the output folder."""


def blame(options: Options, asked: BlameOptions, screen: Screen) -> int:
    """Returns the exit code of the report. However it ends, the report says what was found out until then."""
    from harness.upgrade.blame import commission  # imported lazily: `--help` needs none of it

    if not options.select:
        before = (
            " --good ... --bad ...; these take every word that follows" if asked.good or asked.bad else ""
        )
        raise UsageError(f"no case is named; name the cases that differ: harness blame CASE{before}")
    cases = cases_to_run(options, screen, GoldenStore(options.goldens), elsewhere=True)
    found = dict[str, Blame]()
    write_text(options.out / BLAME_NAME, blame_json(_report(cases, found)))
    try:
        for one in commission.blames(cases, options, asked, screen):
            found[one.case] = one
    except BaseException:
        _save(_report(cases, found), options)
        raise
    report = _report(cases, found)
    try:
        _save(report, options)
    finally:  # a full disk must not hide the answers
        screen.show_blames(report)
    return report.exit_code()


def _save(report: BlameReport, options: Options) -> None:
    text = blame_json(report)
    json = [(options.json, harmless_json(text))] if options.json is not None else []
    emit((options.out / BLAME_NAME, text), *json)


def _report(cases: Sequence[Case], found: dict[str, Blame]) -> BlameReport:
    done = tuple(found[case.id] for case in cases if case.id in found)
    return BlameReport(done, finished=len(done) == len(cases))


def _cases(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "select",
        nargs="*",
        metavar="SELECT",
        help="the cases that differ: ids, globs, tag:NAME, or config files; !X leaves out what X selects",
    )


def _ends(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group(
        "where to search", "by default from the golden's versions to those that are installed"
    )
    group.add_argument(
        "--good", nargs="+", action="extend", metavar="SPEC",
        help="versions that were good: requirements, a folder of sources, git+URL@REF, or a lock file",
    )  # fmt: skip
    group.add_argument(
        "--bad", nargs="+", action="extend", metavar="SPEC",
        help="versions that are not; without --good the installed ones are the good ones",
    )  # fmt: skip
    group.add_argument(
        "--since", metavar="DATE", help="from everything as it stood at the end of that day on"
    )


def _thresholds(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group(
        "what counts", "by default what the case does not allow other versions"
    )
    group.add_argument("--bitwise", action="store_true", help="any other bit")
    group.add_argument("--min-rel-l2", type=_distance, metavar="X", help="a relative L2 distance above X")
    group.add_argument(
        "--all-changes",
        action="store_true",
        help="list every change of a bit on the way, and what kind it is",
    )


def _distance(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a distance; give a number of at least 0")
    return value


def _misuse(arguments: argparse.Namespace) -> Iterator[str]:
    if arguments.since and (arguments.good or arguments.bad):
        yield "--since decides both ends; leave it out, or leave out --good and --bad"
    if arguments.bitwise and arguments.min_rel_l2 is not None:
        yield "--bitwise and --min-rel-l2 each say what counts; leave one of them out"
    if arguments.all_changes and arguments.min_rel_l2 is not None:
        yield "--all-changes lists every change of a bit; leave out --min-rel-l2"


def _run(arguments: argparse.Namespace, screen: Screen) -> int:
    asked = BlameOptions(
        tuple(arguments.good or ()),
        tuple(arguments.bad or ()),
        arguments.since,
        arguments.bitwise or arguments.all_changes,
        arguments.min_rel_l2,
        arguments.all_changes,
        arguments.installer,
        arguments.allow_sdist,
        arguments.yes,
    )
    return blame(options_of(arguments), asked, screen)


COMMAND = Command(
    _run,
    (_cases, *(group for group in RUNNING if group is not selects), goldens, _ends, _thresholds, installs),
    writes,
    _misuse,
)
