"""`harness accept`: make the captures that the last verify judged the goldens."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness import files
from harness.core.case import Case
from harness.core.results.measure_reasons import (
    CaptureChanged,
    NotAmongJudged,
    OtherDefinition,
    VerifyUnfinished,
)
from harness.core.results.next_step import NextSteps, harness_step
from harness.core.results.reasons import CaptureNotJudged, Message, Reason
from harness.core.results.recording import RecordReport, RecordResult, RecordState
from harness.core.results.verdict import CaseResult, Report, Verdict
from harness.errors import HarnessError, UsageError
from harness.golden.header import read_document
from harness.golden.store import GoldenStore
from harness.golden.tensors import file_sha256
from harness.invocation.arguments import configs, goldens, out, project, selects, shows
from harness.invocation.command import Command, options_of, reads
from harness.invocation.command_line import command
from harness.invocation.emit import emit_json
from harness.invocation.options import Options
from harness.invocation.selection import selected_cases
from harness.report import json_report
from harness.report.terminal import Screen
from harness.trials.acceptance import accept_capture
from harness.trials.captures import REPORT_NAME, capture_path


def accept(options: Options, screen: Screen) -> int:
    """Returns the exit code: 0 if every selected capture was accepted, 3 if one could not be.

    It accepts only captures that the last verify judged, if that finished and if the file is still the same. Raises
    UsageError if the output folder has no report of a verify.
    """
    chosen = selected_cases(options, screen)
    last = _last_verify(options.out, chosen)
    judged = {result.case: result for result in last.cases}
    cases = chosen if options.select else [one for one in chosen if one.id in {*judged, *last.not_run}]
    if not cases:
        raise UsageError(
            f"{options.out / REPORT_NAME}: lists none of the cases in {options.configs}; "
            f"run {command('verify')} first"
        )
    store = GoldenStore(options.goldens)
    results = [_accepted(case, last, judged, options.out, store) for case in cases]
    report = RecordReport(None, tuple(results))
    emit_json(json_report.record_json(report), options)
    screen.show_record(report)
    return report.exit_code()


def _last_verify(out: Path, cases: Sequence[Case]) -> Report:
    path = out / REPORT_NAME
    try:
        report = json_report.read_report(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        reason = "no such file, so it is unknown what `harness verify` judged"
        raise _refusal(f"{path}: {reason}", cases) from None
    except (OSError, UnicodeError) as error:
        raise _refusal(f"{path}: cannot be read ({files.reason(error)})", cases) from error
    except UsageError as error:
        raise _refusal(str(error), cases, step="") from error  # it ends with the next step
    if report.command != "verify":
        raise _refusal(f"{path}: is the report of `harness {report.command}`, not of a verify", cases)
    return report


def _refusal(reason: str, cases: Sequence[Case], step: str = "; run `harness verify` first") -> UsageError:
    refused = [f"  {case.id}: not accepted" for case in cases]
    return UsageError("\n".join([f"{reason}{step}", *refused]))


def _accepted(
    case: Case, last: Report, judged: Mapping[str, CaseResult], out: Path, store: GoldenStore
) -> RecordResult:
    if not last.finished:
        return _not_accepted(case, RecordState.ERROR, VerifyUnfinished())
    result = judged.get(case.id)
    if result is None:
        return _not_accepted(case, RecordState.ERROR, NotAmongJudged(len(judged)))
    if nothing := _nothing_to_accept(case, result):
        return nothing
    capture = capture_path(out, case)
    try:
        if reason := _changed_since(case, result, capture, store):
            return _not_accepted(case, RecordState.ERROR, reason)
        return accept_capture(case, capture, store, how="accept", runs=1)
    except HarnessError as error:
        return _not_accepted(case, RecordState.ERROR, Message(str(error)))


def _nothing_to_accept(case: Case, result: CaseResult) -> RecordResult | None:
    """The result of a case whose verdict leaves no capture to accept; None if there is one."""
    if result.verdict is Verdict.SKIPPED:
        return _not_accepted(case, RecordState.SKIPPED, _not_judged(result))
    if result.verdict is Verdict.ERROR:
        return _not_accepted(case, RecordState.ERROR, _not_judged(result), result.next_steps)
    if result.capture is not None:
        return None
    if result.verdict is Verdict.BROKEN:
        return _not_accepted(case, RecordState.BROKEN, _not_judged(result))
    return _not_accepted(case, RecordState.ERROR, CaptureNotJudged(result.verdict))


def _not_judged(result: CaseResult) -> CaptureNotJudged:
    return CaptureNotJudged(result.verdict, result.reasons)


def _changed_since(
    case: Case, result: CaseResult, capture: Path, store: GoldenStore
) -> CaptureChanged | OtherDefinition | None:
    """Why this capture, or the golden it would replace, is not the one that was judged; None if both are."""
    assert result.capture is not None
    if not capture.is_file():
        return CaptureChanged(str(capture), "capture", missing=True)
    if file_sha256(capture) != result.capture.sha256:
        return CaptureChanged(str(capture), "capture")
    document = read_document(capture)
    if document.digest != case.digest():
        return OtherDefinition(None)
    golden = store.path(case.id, document.environment.platform)
    if not os.path.lexists(golden) or _same_outputs(golden, capture):
        return None
    compared = result.golden_sha256 if Path(result.golden or "").name == golden.name else None
    return None if compared == file_sha256(golden) else CaptureChanged(str(golden), "golden")


def _same_outputs(golden: Path, capture: Path) -> bool:
    """Whether accepting would change nothing, as after an earlier accept of the same capture."""
    try:
        return read_document(golden).sha256 == read_document(capture).sha256
    except HarnessError:
        return False


def _not_accepted(case: Case, state: RecordState, reason: Reason, next_steps: NextSteps = ()) -> RecordResult:
    verify = (harness_step("", "verify", case.id),) if state is RecordState.ERROR else ()
    return RecordResult(case.id, state, None, None, (reason,), 0.0, next_steps=next_steps or verify)


def _run(arguments: argparse.Namespace, screen: Screen) -> int:
    return accept(options_of(arguments), screen)


COMMAND = Command(_run, (selects, project, configs, goldens, out, shows), reads)
