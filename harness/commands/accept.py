"""`harness accept`: make the captures that a finished verify judged the goldens, and remember who did it and why."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from harness.core.results.recording import RecordReport
from harness.golden.store import GoldenStore
from harness.invocation.arguments import configs, goldens, origin, out, project, selects, shows
from harness.invocation.command import Command, options_of, reads
from harness.invocation.decision import decision, gives_reason, needed_reason
from harness.invocation.emit import emit_json
from harness.invocation.options import Options
from harness.invocation.selection import selected_cases
from harness.report import json_report
from harness.report.terminal import Screen
from harness.review.drafts import confirmed
from harness.review.judged import last_verify
from harness.review.promote import Promotable, examined, promoted, replacing
from harness.review.walk import Walk


def accept(options: Options, screen: Screen, *, why: str | None, source: Path | None, draft: bool) -> int:
    """Returns the exit code: 0 if every selected capture was accepted, 3 if one could not be.

    It accepts only captures that the last verify judged, if that finished and if the file is still the same. `source`
    names another report, output folder or .zip than the output folder of the options. A `draft` leaves the golden as
    it is. Raises UsageError, and changes nothing, if there is no such report, or if a golden would change without a
    reason.
    """
    chosen = selected_cases(options, screen)
    store = GoldenStore(options.goldens)
    with last_verify(options.out, source, chosen) as judged:
        cases = judged.of(chosen, named=bool(options.select))
        found = examined(cases, judged, store)
        if changing := replacing(found, store):
            what = "to propose another golden of" if draft else "to replace the golden of"
            why = needed_reason(why, screen, what, changing)
        made = decision(why)
        results = [
            promoted(one, store, made, draft=draft) if isinstance(one, Promotable) else one for one in found
        ]
    return _shown(RecordReport(None, tuple(results)), options, screen)


def walk(options: Options, screen: Screen, *, why: str | None, source: Path | None, draft: bool) -> int:
    """Shows the failures of the last verify group by group, and accepts what is answered; otherwise as `accept`.

    What was decided is done even if the walk is interrupted.
    """
    chosen, store = selected_cases(options, screen), GoldenStore(options.goldens)
    with last_verify(options.out, source, chosen) as judged:
        found = examined(judged.of(chosen, named=bool(options.select)), judged, store)
        review = Walk(judged, store, screen, why, draft)
        code = 0
        try:
            review.through(found)
        finally:
            code = _shown(RecordReport(None, review.results(found)), options, screen)
    return code


def confirm(options: Options, screen: Screen, *, why: str | None) -> int:
    """Promotes the drafts of the selected cases; returns 0, or 3 if one could not be promoted.

    Raises UsageError if there is none.
    """
    cases, store = selected_cases(options, screen), GoldenStore(options.goldens)
    results = confirmed(cases, store, decision(why), named=bool(options.select))
    return _shown(RecordReport(None, results), options, screen)


def _shown(report: RecordReport, options: Options, screen: Screen) -> int:
    emit_json(json_report.record_json(report), options)
    screen.show_record(report)
    return report.exit_code()


def _drafts(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--draft", action="store_true", help="only propose the captures: no verify judges by a draft"
    )
    command.add_argument(
        "--interactive",
        action="store_true",
        help="show the failures group by group, and accept only what is answered with yes",
    )
    command.add_argument("--confirm", action="store_true", help="make the drafts the goldens")


def _misuse(arguments: argparse.Namespace) -> Iterator[str]:
    if arguments.draft and arguments.confirm:
        yield "--draft proposes and --confirm promotes; leave one of them out"
    if arguments.confirm and arguments.interactive:
        yield "--interactive walks through the failures of a verify, --confirm promotes drafts; leave one of them out"
    if arguments.confirm and arguments.origin:
        yield "--confirm promotes drafts, which hold their captures; leave out --from"


def _run(arguments: argparse.Namespace, screen: Screen) -> int:
    options, why = options_of(arguments), arguments.reason
    if arguments.confirm:
        return confirm(options, screen, why=why)
    decide = walk if arguments.interactive else accept
    return decide(options, screen, why=why, source=arguments.origin, draft=arguments.draft)


_why = gives_reason("why; needed where a golden changes, and kept in its history")

COMMAND = Command(
    _run, (selects, project, configs, goldens, out, shows, _why, origin, _drafts), reads, _misuse
)
