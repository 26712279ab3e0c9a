"""`harness accept`: make the captures of the last verify the goldens."""

from __future__ import annotations

from pathlib import Path

from harness.core.case import Case
from harness.core.recording import RecordReport, RecordResult, RecordState
from harness.errors import HarnessError, UsageError
from harness.golden.store import GoldenStore
from harness.report import json_report
from harness.report.terminal import Screen
from harness.workflow.acceptance import accept_capture
from harness.workflow.cases import capture_path
from harness.workflow.chosen import chosen_cases
from harness.workflow.commands import command
from harness.workflow.emit import emit_json
from harness.workflow.options import Options


def accept(options: Options, screen: Screen) -> int:
    """Returns 0 when every selected capture was accepted, 3 when one could not be."""
    cases = [case for case in chosen_cases(options, screen) if capture_path(options.out, case).is_file()]
    if not cases:
        raise UsageError(
            f"{options.out}/captures: holds no capture of these cases; run `harness verify` first"
        )
    store = GoldenStore(options.goldens)
    results = [_accept_one(case, capture_path(options.out, case), store) for case in cases]
    report = RecordReport(None, tuple(results))
    emit_json(json_report.record_json(report), options)
    screen.show_record(report)
    return report.exit_code()


def _accept_one(case: Case, capture: Path, store: GoldenStore) -> RecordResult:
    try:
        if store.document(capture).digest != case.digest():
            reason = "the capture was made from a different definition of this case"
            return RecordResult(
                case.id, RecordState.ERROR, None, None, reason, 0.0, next_step=command("verify", case.id)
            )
        return accept_capture(case, capture, store, how="accept", runs=1)
    except HarnessError as error:
        return RecordResult(case.id, RecordState.ERROR, None, None, str(error), 0.0)
