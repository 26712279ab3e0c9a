"""Remembers failures that somebody refuses to accept, and recognises them when they come again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.core.case import Case
from harness.core.history import Decision, Rejection
from harness.core.results.cause import cause_of
from harness.core.results.measure_reasons import NotAmongJudged, VerifyUnfinished
from harness.core.results.reasons import Message, Reason
from harness.core.results.review import RejectResult, RejectState
from harness.core.results.verdict import PASSES, CaseResult, Report, Verdict
from harness.errors import HarnessError
from harness.golden.header import read_document
from harness.golden.memory.rejections import REJECTIONS, read_rejections, write_rejections
from harness.golden.sidecar import outputs_digest
from harness.golden.store import GoldenStore
from harness.review.judged import Judged


@dataclass(frozen=True, slots=True)
class Rejectable:
    """A case that failed in the verify; `outputs` is the digest of what it gave if no distance tells how it differs."""

    case: Case
    verdict: Verdict
    platform: str
    cause: str
    outputs: str | None


def failed(case: Case, judged: Judged) -> list[Rejectable | RejectResult]:
    """The failures of `case` in the verify, several if reports were merged, or why there is none to reject."""
    if not judged.report.finished:
        return [_none(case, RejectState.ERROR, VerifyUnfinished())]
    if case.id not in judged.by_case:
        return [_none(case, RejectState.ERROR, NotAmongJudged(len(judged.by_case)))]
    return [failure_of(case, result, judged) for result in judged.by_case[case.id]]


def failure_of(case: Case, result: CaseResult, judged: Judged) -> Rejectable | RejectResult:
    """The failure that this result is, or why there is none to reject."""
    if result.verdict in PASSES or result.verdict is Verdict.SKIPPED:
        state = RejectState.PASSED if result.verdict in PASSES else RejectState.SKIPPED
        return RejectResult(case.id, state, result.platform, str(result.verdict))
    here = judged.report.environment
    platform = result.platform or (here.platform if here else None)
    cause = cause_of(result)
    if platform is None or cause is None:
        return _none(case, RejectState.ERROR, Message("its run did not get far enough to know its platform"))
    try:
        return Rejectable(case, result.verdict, platform, cause.fingerprint(), _refused(case, result, judged))
    except HarnessError as error:
        return _none(case, RejectState.ERROR, Message(str(error)))


def rejected(one: Rejectable, store: GoldenStore, decision: Decision) -> RejectResult:
    """Remember the failure; an earlier rejection of the same one is replaced."""
    new = Rejection(one.cause, decision.by, decision.at, decision.reason, str(one.verdict), one.outputs)
    try:
        golden = store.path(one.case.id, one.platform)
        with store.held(one.case.id):
            others = tuple(old for old in read_rejections(golden) if not _same(old, one.cause, one.outputs))
            write_rejections(golden, one.case.id, one.platform, (*others, new))
    except HarnessError as error:
        return _none(one.case, RejectState.ERROR, Message(str(error)))
    return RejectResult(one.case.id, RejectState.REJECTED, one.platform, str(one.verdict), one.cause)


def with_rejections(report: Report, store: GoldenStore) -> Report:
    """The report, in which each failure that was rejected says so; verdicts stay as they are."""
    return replace(report, cases=tuple(_recognised(result, store) for result in report.cases))


def _recognised(result: CaseResult, store: GoldenStore) -> CaseResult:
    cause = cause_of(result)
    if cause is None or result.verdict is Verdict.SKIPPED or result.platform is None:
        return result
    golden = store.path(result.case, result.platform)
    if not os.path.lexists(REJECTIONS.path(golden)):
        return result
    try:
        known = read_rejections(golden)
        outputs = _outputs(Path(result.capture.path)) if result.capture and cause.decade is None else None
    except HarnessError as error:
        return replace(result, warnings=(*result.warnings, str(error)))
    found = [one for one in known if _same(one, cause.fingerprint(), outputs)]
    return replace(result, rejected=found[-1]) if found else result


def _same(one: Rejection, cause: str, outputs: str | None) -> bool:
    return (one.cause, one.outputs) == (cause, outputs)


def _refused(case: Case, result: CaseResult, judged: Judged) -> str | None:
    """The digest of what a case gave; None if the cause tells how far that is from the golden."""
    cause = cause_of(result)
    if result.capture is None or (cause is not None and cause.decade is not None):
        return None
    capture = judged.capture(case, result.capture)
    if capture is None:
        raise HarnessError(f"{result.capture.path}: is not the capture that the last verify judged")
    return _outputs(capture)


def _outputs(capture: Path) -> str:
    return outputs_digest(read_document(capture))


def _none(case: Case, state: RejectState, reason: Reason) -> RejectResult:
    return RejectResult(case.id, state, reasons=(reason,))


def rejectable(found: Sequence[Rejectable | RejectResult]) -> list[str]:
    """The ids of the cases that failed."""
    return [one.case.id for one in found if isinstance(one, Rejectable)]
