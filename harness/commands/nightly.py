"""`harness nightly`: verify, remember, and tell what is new."""

from __future__ import annotations

import argparse
import os
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from harness import interrupts
from harness.commands.verify import passes, verify
from harness.core.results.verdict import Report
from harness.errors import HarnessError, UsageError
from harness.history.database import opened
from harness.history.night import fails
from harness.invocation.arguments import (
    HISTORY,
    at_least,
    comments,
    configs,
    device,
    goldens,
    history_file,
    jobs,
    judges,
    project,
    replays,
    selects,
    shows,
)
from harness.invocation.command import Command, options_of
from harness.invocation.emit import emit, emit_json
from harness.invocation.options import Options, VerifyOptions
from harness.nightly import again, conclusion, folders, telling
from harness.notify.channel import Channel
from harness.notify.channels import FORMS, Labelled, channel_of
from harness.report.json_report import read_report, write_text
from harness.report.terminal import Screen
from harness.report.views.nightly import news_json
from harness.trials.captures import REPORT_NAME
from harness.trials.cases import cases_to_run
from harness.trials.session import open_session

NIGHTS = Path("nightly")
KEEP = 30


@dataclass(frozen=True, slots=True)
class Habits:
    """What a night does besides its verify: where nights are, what remembers them, how many stay, who is told."""

    root: Path = NIGHTS
    history: Path = HISTORY
    keep: int = KEEP
    channels: tuple[Channel, ...] = ()
    always: bool = False


def nightly(options: Options, how: VerifyOptions, habits: Habits, screen: Screen) -> int:
    """Returns the exit code of verify, whatever becomes of the rest.

    Nights that a killed command left are finished or discarded first. Raises UsageError or StoreError, before anything
    runs, if the history cannot be used.
    """
    words = ["nightly", *options.select]
    with interrupts.gently(), opened(habits.history) as history:
        _settle(options, habits, history, screen)
        with folders.new_night(habits.root, options, words, screen.warn) as folder:
            here = replace(options, out=folder, json=None, junit=folder / "junit.xml")
            report = verify(here, how, screen)
            code = report.exit_code(allow_missing=how.allow_missing, strict=how.strict)
            write_text(folder / again.NAME, again.text_of(_run_again(report, here, screen)))
            write_text(folder / folders.EXIT_CODE, f"{code}\n")
            _conclude(folder, report, code, options, habits, history, screen)
        _prune(habits, screen)
    return code


def _settle(options: Options, habits: Habits, history: sqlite3.Connection, screen: Screen) -> None:
    """Finish or discard what killed commands left."""
    for folder in folders.nights(habits.root):
        if not folders.is_left(folder):
            continue
        with folders.left_night(habits.root, folder, options, ["nightly"]) as free:
            if free:
                _settle_one(folder, habits, history, screen)


def _settle_one(folder: Path, habits: Habits, history: sqlite3.Connection, screen: Screen) -> None:
    try:
        report = _report(folder)
    except UsageError:
        report = Report(None, (), finished=False)
    if not report.finished:
        folders.discard(folder)
        screen.warn(f"{folder}: was killed before its verify ended; its captures were removed")
        return
    how = report.passing
    code = report.exit_code(allow_missing=how.allow_missing, strict=how.strict)
    _conclude(folder, report, code, Options(), habits, history, screen)
    write_text(folder / folders.EXIT_CODE, f"{code}\n")


def _report(folder: Path) -> Report:
    path = folder / REPORT_NAME
    try:
        return read_report(path.read_bytes(), str(path))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read") from error


def _run_again(report: Report, options: Options, screen: Screen) -> Mapping[str, tuple[str | None, ...]]:
    """The further runs of failing cases; none if nothing failed."""
    failing = again.failing(report)
    if not failing:
        return {}
    cases = [case for case in cases_to_run(options, _silent()) if case.id in failing]
    screen.note(f"running {len(cases)} failing again, {again.RUNS} times each in fresh processes")
    with open_session(options, _silent(), len(cases)) as session:
        return again.run_again(cases, session)


def _silent() -> Screen:
    return Screen(quiet=True)


def _conclude(
    folder: Path,
    report: Report,
    code: int,
    options: Options,
    habits: Habits,
    history: sqlite3.Connection,
    screen: Screen,
) -> None:
    """Remember the night, say what is new, tell it; the file that is written last says that all this is done."""
    key = conclusion.remember(history, report, folder, code, again.stored(folder))
    found = conclusion.concluded(history, key)
    text = news_json(found.night, found.items)
    emit_json(text, options)
    screen.show_news(found.night, found.items)
    _publish(found, folder, screen)
    about = partial(conclusion.message_about, history, found)
    telling.tell_all(history, habits.channels, found.nights, about, screen.warn, always=habits.always)
    emit((folder / folders.NEWS, text))


def _publish(found: conclusion.Conclusion, folder: Path, screen: Screen) -> None:
    """Write the page of all nights; the night does not depend on it."""
    page = folder / conclusion.TREND_NAME
    try:
        write_text(page, conclusion.page_of(found, folder))
    except (HarnessError, OSError) as error:
        screen.warn(f"the page of the nights could not be written: {error}")


def _prune(habits: Habits, screen: Screen) -> None:
    removed = folders.prune(habits.root, habits.keep, _failing)
    if removed:
        screen.note(f"removed {len(removed)} of the oldest nights; their results stay in {habits.history}")


def _failing(folder: Path) -> frozenset[str]:
    """The cases that failed on the night in this folder; none if that is unknown."""
    try:
        report = _report(folder)
    except HarnessError:
        return frozenset()
    return frozenset(one.case for one in report.cases if fails(one, report.passing))


def _own_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--nights", type=Path, metavar="DIR", help=f"the folder of all nights (default {NIGHTS}, in the root)"
    )
    command.add_argument(
        "--keep",
        type=at_least(1),
        default=KEEP,
        metavar="N",
        help=f"how many nights to keep (default {KEEP})",
    )
    command.add_argument(
        "--notify",
        action="append",
        default=[],
        metavar="CHANNEL",
        help=f"whom to tell; may be given again: {FORMS}",
    )
    command.add_argument("--always", action="store_true", help="tell also that there is nothing new")
    command.add_argument("--issue-label", metavar="NAME", help="label of the issues that github: opens")
    command.add_argument("--issue-assignee", metavar="NAME", help="who is assigned to them")


def _run(arguments: argparse.Namespace, screen: Screen) -> int:
    how = VerifyOptions(arguments.relation, arguments.allow_missing, arguments.strict, arguments.forced)
    issues = Labelled(arguments.issue_label, arguments.issue_assignee)
    channels = tuple(channel_of(word, os.environ, issues) for word in dict.fromkeys(arguments.notify))
    habits = Habits(
        arguments.nights or NIGHTS, arguments.history or HISTORY, arguments.keep, channels, arguments.always
    )
    return nightly(options_of(arguments), how, habits, screen)


COMMAND = Command(
    _run,
    (
        selects,
        project,
        configs,
        goldens,
        device,
        jobs,
        judges,
        passes,
        replays,
        history_file,
        comments,
        _own_options,
        shows,
    ),
)
