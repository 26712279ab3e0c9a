"""`harness reject`: remember that a failure is not acceptable, and say so in reports as long as it is the same."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.core.results.review import RejectReport
from harness.golden.store import GoldenStore
from harness.invocation.arguments import configs, goldens, origin, out, project, selects, shows
from harness.invocation.command import Command, options_of, reads
from harness.invocation.decision import decision, gives_reason, needed_reason
from harness.invocation.emit import emit_json
from harness.invocation.options import Options
from harness.invocation.selection import selected_cases
from harness.report.terminal import Screen
from harness.report.views.review.reject import reject_json
from harness.review.judged import last_verify
from harness.review.reject import Rejectable, failed, rejectable, rejected


def reject(options: Options, screen: Screen, *, why: str | None, source: Path | None) -> int:
    """Returns 0, or 3 if a case was not judged, so that it is unknown whether it failed.

    Raises UsageError, and remembers nothing, if there is no report of a verify, or no reason.
    """
    chosen = selected_cases(options, screen)
    store = GoldenStore(options.goldens)
    with last_verify(options.out, source, chosen) as judged:
        cases = judged.of(chosen, named=bool(options.select))
        found = [one for case in cases for one in failed(case, judged)]
    if failing := rejectable(found):
        why = needed_reason(why, screen, "to reject", failing)
    made = decision(why)
    results = tuple(rejected(one, store, made) if isinstance(one, Rejectable) else one for one in found)
    report = RejectReport(made.reason, results)
    emit_json(reject_json(report), options)
    screen.show_rejected(report)
    return report.exit_code()


def _run(arguments: argparse.Namespace, screen: Screen) -> int:
    return reject(options_of(arguments), screen, why=arguments.reason, source=arguments.origin)


_why = gives_reason("why; later reports quote it as long as the failure is the same")

COMMAND = Command(_run, (selects, project, configs, goldens, out, shows, _why, origin), reads)
