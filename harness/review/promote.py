"""Makes captures that a verify judged the goldens, case by case, each completely or not at all."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.core.capture import CaptureDocument
from harness.core.case import Case
from harness.core.history import Decision, TensorDifference, furthest
from harness.core.results.cause import cause_of
from harness.core.results.measure_reasons import (
    CaptureChanged,
    NotAmongJudged,
    OtherDefinition,
    VerifyUnfinished,
)
from harness.core.results.next_step import NextSteps, harness_step
from harness.core.results.reasons import CaptureNotJudged, Message, Reason
from harness.core.results.recording import RecordResult, RecordState
from harness.core.results.verdict import CaseResult, Verdict
from harness.errors import HarnessError
from harness.golden.header import read_document
from harness.golden.store import GoldenStore
from harness.golden.tensors import file_sha256
from harness.review.judged import Judged
from harness.trials.acceptance import accept_capture, changes_golden
from harness.trials.captures import capture_path
from harness.trials.drafting import propose_capture


@dataclass(frozen=True, slots=True)
class Promotable:
    """A case whose capture, with this document, can become the golden; it is what the verify judged."""

    case: Case
    result: CaseResult
    capture: Path
    document: CaptureDocument

    @property
    def platform(self) -> str:
        """The platform of the capture."""
        return self.document.environment.platform


Examined = Promotable | RecordResult
"""A capture that can be accepted or, as a result, why there is none."""


def examined(cases: Sequence[Case], judged: Judged, store: GoldenStore) -> list[Examined]:
    """The captures of `cases` that the verify judged, in this order; several of a case if reports were merged."""
    return [one for case in cases for one in _examined(case, judged, store)]


def _examined(case: Case, judged: Judged, store: GoldenStore) -> list[Examined]:
    if not judged.report.finished:
        return [_not_accepted(case, RecordState.ERROR, VerifyUnfinished())]
    if case.id not in judged.by_case:
        return [_not_accepted(case, RecordState.ERROR, NotAmongJudged(len(judged.by_case)))]
    return [capture_of(case, result, judged, store) for result in judged.by_case[case.id]]


def capture_of(case: Case, result: CaseResult, judged: Judged, store: GoldenStore) -> Examined:
    """The capture that gave this result or, as a result of ours, why it cannot be accepted."""
    if nothing := _nothing_to_accept(case, result):
        return nothing
    try:
        return _capture_of(case, result, judged, store)
    except HarnessError as error:
        return _not_accepted(case, RecordState.ERROR, Message(str(error)))


def replacing(found: Sequence[Examined], store: GoldenStore) -> list[str]:
    """The ids of the cases whose existing golden would change."""
    return [one.case.id for one in found if isinstance(one, Promotable) and _changes(one, store)]


def promoted(one: Promotable, store: GoldenStore, decision: Decision, *, draft: bool = False) -> RecordResult:
    """Make the capture the golden or, for a `draft`, propose it, if the golden is still the one that was judged."""
    case = one.case
    try:
        if reason := _golden_changed(one, store, read_document(one.capture)):
            return _not_accepted(case, RecordState.ERROR, reason)
        about = judgement(one.result, decision)
        if draft:
            return propose_capture(case, one.capture, store, about)
        return accept_capture(case, one.capture, store, how="accept", runs=1, decision=about)
    except HarnessError as error:
        return _not_accepted(case, RecordState.ERROR, Message(str(error)))


def judgement(result: CaseResult, decision: Decision) -> Decision:
    """The decision, now about this result."""
    cause = cause_of(result)
    differing = (one for one in result.tensors if one.verdict is not Verdict.IDENTICAL)
    metrics = furthest(tuple(TensorDifference(one.name, one.metrics) for one in differing))
    return replace(
        decision, verdict=str(result.verdict), cause=cause.fingerprint() if cause else None, metrics=metrics
    )


def _capture_of(case: Case, result: CaseResult, judged: Judged, store: GoldenStore) -> Examined:
    assert result.capture is not None
    capture = judged.capture(case, result.capture)
    if capture is None:
        usual = next(iter(judged.captures.candidates(case)), capture_path(Path(), case))
        changed = CaptureChanged(str(usual), "capture", missing=not usual.is_file())
        return _not_accepted(case, RecordState.ERROR, changed)
    document = read_document(capture)
    if document.digest != case.digest():
        return _not_accepted(case, RecordState.ERROR, OtherDefinition(None))
    one = Promotable(case, result, capture, document)
    reason = _golden_changed(one, store, document)
    return _not_accepted(case, RecordState.ERROR, reason) if reason else one


def _changes(one: Promotable, store: GoldenStore) -> bool:
    return changes_golden(store.path(one.case.id, one.platform), one.document)


def _golden_changed(one: Promotable, store: GoldenStore, document: CaptureDocument) -> CaptureChanged | None:
    """Why the golden is not the one that was compared with; None if it is, or if it already has these bits."""
    golden = store.path(one.case.id, document.environment.platform)
    if not os.path.lexists(golden) or _same_outputs(golden, document):
        return None
    same_name = Path(one.result.golden or "").name == golden.name
    compared = one.result.golden_sha256 if same_name else None
    return None if compared == file_sha256(golden) else CaptureChanged(str(golden), "golden")


def _same_outputs(golden: Path, document: CaptureDocument) -> bool:
    """Whether accepting would change no output, as after an earlier accept of the same capture."""
    try:
        return read_document(golden).sha256 == document.sha256
    except HarnessError:
        return False


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


def _not_accepted(case: Case, state: RecordState, reason: Reason, next_steps: NextSteps = ()) -> RecordResult:
    verify = (harness_step("", "verify", case.id),) if state is RecordState.ERROR else ()
    return RecordResult(case.id, state, None, None, (reason,), 0.0, next_steps=next_steps or verify)
