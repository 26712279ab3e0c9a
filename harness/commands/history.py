"""`harness history`: what the nights remember of a case; import of older reports, merge of other histories."""

from __future__ import annotations

import argparse
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

from harness import files
from harness.config.select import select_ids
from harness.core.nights.timeline import Timeline
from harness.core.results.verdict import Report
from harness.errors import UsageError
from harness.history import merging, reading, writing
from harness.history.database import opened
from harness.history.night import night_of
from harness.invocation.arguments import HISTORY, history_file, project, shows
from harness.invocation.command import Command, options_of
from harness.invocation.emit import emit_json
from harness.invocation.options import Options
from harness.report.json_report import read_report
from harness.report.terminal import Screen
from harness.report.views.history import added_json, added_words, history_json

_IMPORT, _MERGE = "import", "merge"


def show_history(
    file: Path, cases: Sequence[str], options: Options, screen: Screen, *, since: date | None
) -> int:
    """Returns 0; raises UsageError for a selection without a case."""
    with opened(file, create=False) as connection:
        found = reading.names(connection)
        if not found:
            raise UsageError(f"{file}: holds no night yet; run `harness nightly` or `harness history import`")
        chosen = select_ids(found, cases)
        lines = [line for case in chosen for line in _lines(connection, case, since)]
    emit_json(history_json(lines), options)
    if not lines:
        screen.note(f"no night of {', '.join(chosen)} since {since}")
    screen.show_history(lines)
    return 0


def _lines(connection: sqlite3.Connection, case: str, since: date | None) -> Iterator[Timeline]:
    for line in reading.read(connection, case=case).timelines:
        seen = tuple(one for one in line.seen if since is None or one.night.started.date() >= since)
        if seen:
            yield replace(line, seen=seen)


def import_reports(file: Path, paths: Sequence[Path], options: Options, screen: Screen) -> int:
    """Add the nights of these reports, all of them or, if one cannot be read, none. Returns 0.

    Raises UsageError for a report that cannot be read, is not finished, or does not say when it began.
    """
    nights = [night_of(_report(path), folder=str(path.parent)) for path in paths]
    with opened(file) as connection:
        added = [writing.add(connection, night) for night in nights]
    return _told(added.count(True), added.count(False), options, screen)


def _report(path: Path) -> Report:
    try:
        report = read_report(path.read_bytes(), str(path))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({files.reason(error)}); name a report.json") from error
    if not report.finished:
        raise UsageError(f"{path}: its verify did not finish; leave it out")
    if report.started is None:
        raise UsageError(f"{path}: an older harness wrote it, without saying when it began; leave it out")
    return report


def merge_histories(file: Path, paths: Sequence[Path], options: Options, screen: Screen) -> int:
    """Add the nights of these histories; returns 0. Raises what opening one of them raises."""
    added = known = 0
    with opened(file) as connection:
        for path in paths:
            with opened(path, create=False) as other:
                more, there = merging.merge(connection, other)
            added, known = added + more, known + there
    return _told(added, known, options, screen)


def _told(added: int, known: int, options: Options, screen: Screen) -> int:
    emit_json(added_json(added, known), options)
    screen.note(added_words(added, known))
    return 0


class _Words(argparse.Action):
    """`CASE...`, `import REPORT...` or `merge HISTORY...`; the files are relative to the caller's folder."""

    def __call__(
        self, _parser: object, namespace: argparse.Namespace, values: object, _option: str | None = None
    ) -> None:
        """Sort the words."""
        first, *others = map(str, values if isinstance(values, list) else [])
        adds = first in (_IMPORT, _MERGE)
        namespace.adds = first if adds else ""
        namespace.files = [Path(word) for word in others] if adds else []
        namespace.cases = [] if adds else [first, *others]


def _own_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "words",
        nargs="+",
        action=_Words,
        metavar="CASE",
        help="case ids or globs; or `import` and report.json files, or `merge` and other histories",
    )
    command.add_argument(
        "--since", type=_day, metavar="DATE", help="only nights from that day on (2026-03-01, UTC)"
    )


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day such as 2026-03-01") from error


def _misuse(arguments: argparse.Namespace) -> Iterator[str]:
    if arguments.adds and not arguments.files:
        yield f"{arguments.adds} takes files; name at least one"
    if arguments.adds and arguments.since:
        yield f"--since selects nights to show; leave it out with {arguments.adds}"


def _run(arguments: argparse.Namespace, screen: Screen) -> int:
    options, file = options_of(arguments), arguments.history or HISTORY
    if arguments.adds == _IMPORT:
        return import_reports(file, arguments.files, options, screen)
    if arguments.adds == _MERGE:
        return merge_histories(file, arguments.files, options, screen)
    return show_history(file, arguments.cases, options, screen, since=arguments.since)


COMMAND = Command(_run, (project, history_file, shows, _own_options), misuse=_misuse)
