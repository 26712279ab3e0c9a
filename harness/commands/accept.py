"""`harness accept`: make the captures that a finished verify judged the goldens, and remember who did it and why."""

from __future__ import annotations

import argparse
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
from harness.review.judged import last_verify
from harness.review.promote import Promotable, examined, promoted, replacing


def accept(options: Options, screen: Screen, *, why: str | None, source: Path | None) -> int:
    """Returns the exit code: 0 if every selected capture was accepted, 3 if one could not be.

    It accepts only captures that the last verify judged, if that finished and if the file is still the same. `source`
    names another report, output folder or .zip than the output folder of the options. Raises UsageError, and changes
    nothing, if there is no such report, or if a golden would change without a reason.
    """
    chosen = selected_cases(options, screen)
    store = GoldenStore(options.goldens)
    with last_verify(options.out, source, chosen) as judged:
        cases = judged.of(chosen, named=bool(options.select))
        found = [examined(case, judged, store) for case in cases]
        if changing := replacing(found, store):
            why = needed_reason(why, screen, "to replace the golden of", changing)
        made = decision(why)
        results = [promoted(one, store, made) if isinstance(one, Promotable) else one for one in found]
    return _shown(RecordReport(None, tuple(results)), options, screen)


def _shown(report: RecordReport, options: Options, screen: Screen) -> int:
    emit_json(json_report.record_json(report), options)
    screen.show_record(report)
    return report.exit_code()


def _run(arguments: argparse.Namespace, screen: Screen) -> int:
    return accept(options_of(arguments), screen, why=arguments.reason, source=arguments.origin)


_why = gives_reason("why; needed where a golden changes, and kept in its history")

COMMAND = Command(_run, (selects, project, configs, goldens, out, shows, _why, origin), reads)
