"""Reconcile the judgement of the plain run with the forced replay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from harness.core.capture import Completed, Lost, Raised, Unavailable
from harness.core.case import GeneratorKind
from harness.core.results.next_step import NextSteps, failure_steps, harness_step
from harness.core.results.reasons import (
    BoundaryExceeded,
    NotReplayable,
    PipelineRaised,
    Reason,
    ReplayExceeds,
    ReplayFailed,
    UnreadableFile,
)
from harness.core.results.verdict import PASSES, Boundary, CaseResult, Verdict, worst
from harness.core.trace import TraceLevel
from harness.errors import UnreadableGolden
from harness.golden.sidecar import Unusable
from harness.golden.trace import Trace
from harness.judge.evidence import Evidence, JudgingGolden, Opened, Replay
from harness.judge.traces.boundaries import judge_boundaries

_JUDGED = PASSES | {Verdict.DRIFTED, Verdict.BROKEN}

_NAMED = 3  # boundaries named in a reason


def replayable(evidence: Evidence, result: CaseResult) -> bool:
    """Whether the plain run was compared with a golden that keeps its boundary tensors."""
    golden = evidence.golden
    if not isinstance(golden, JudgingGolden) or result.verdict not in _JUDGED:
        return False
    try:
        trace = golden.trace
    except UnreadableGolden:
        return False
    return trace is not None and trace.index.level is TraceLevel.FULL


def reconciled(evidence: Evidence, result: CaseResult, replay: Replay) -> CaseResult:
    """`result`, the judgement of the plain run, with the boundaries of the forced replay.

    If the case passed end to end, a boundary beyond its limit makes it `drifted`, and one that cannot be
    compared makes it `broken`. A replay that failed or is impossible turns a pass into an `error`.
    Unless the replay `decides`, the verdict stands, and the replay adds only boundaries and warnings.
    """
    match replay.outcome:
        case None:
            return _cannot_replay(result)
        case Completed():
            try:
                boundaries = _boundaries(evidence, result, replay)
            except UnreadableGolden as error:
                step = harness_step("run the case again", "verify", "--forced", evidence.case.id)
                return _undecided(result, UnreadableFile(str(error)), (step,), decides=replay.decides)
            judged = replace(result, boundaries=boundaries)
            return _with(judged, boundaries) if replay.decides else judged
        case Raised(message=message):
            reason: Reason = PipelineRaised(message, run="forced")
        case Lost(reason=why) | Unavailable(reason=why):
            reason = ReplayFailed(why)
    return _undecided(result, reason, result.next_steps, decides=replay.decides)


def _cannot_replay(result: CaseResult) -> CaseResult:
    """A pass becomes an `error`, because only a part was judged; a failure keeps its verdict."""
    if result.verdict not in _JUDGED:
        return result
    step = harness_step("record it with `trace: full`", "record", "--update", result.case)
    return _undecided(result, NotReplayable(result.golden), (step,))


def _boundaries(evidence: Evidence, result: CaseResult, replay: Replay) -> tuple[Boundary, ...]:
    golden = evidence.golden
    assert isinstance(golden, JudgingGolden)
    if not isinstance(replay.capture, Opened):
        assert replay.capture is not None
        raise replay.capture
    seeded = evidence.case.generator is not GeneratorKind.NONE
    ours, theirs = _trace(golden), _trace(replay.capture)
    limits = {} if isinstance(golden.calibration, Unusable) else golden.calibration.boundaries
    harmless = frozenset(_called_otherwise(result))
    return judge_boundaries(ours, theirs, golden.relation, seeded=seeded, limits=limits, harmless=harmless)


def _called_otherwise(result: CaseResult) -> Iterator[str]:
    """The events that occur more or less often in the plain run although every tensor equals the golden's."""
    for finding in result.exact_findings:
        if not finding.fails and finding.what.endswith(".calls"):
            yield finding.what.removesuffix(".calls")


def _trace(file: Opened) -> Trace:
    if file.trace is None:
        raise UnreadableGolden(file.path, "has no trace; record the case again")
    return file.trace


def _with(result: CaseResult, boundaries: tuple[Boundary, ...]) -> CaseResult:
    failing = [one for one in boundaries if one.verdict not in PASSES]
    if not failing or result.verdict not in PASSES:
        return result
    named = (BoundaryExceeded(one.event, one.index, one.rel_l2, one.limit) for one in failing[:_NAMED])
    return replace(
        result,
        verdict=worst(one.verdict for one in failing),
        reasons=(ReplayExceeds(tuple(named), max(0, len(failing) - _NAMED)),),
        next_steps=result.next_steps or failure_steps(result.case, forced=True),
    )


def _undecided(
    result: CaseResult, reason: Reason, next_steps: NextSteps, *, decides: bool = True
) -> CaseResult:
    if decides and result.verdict in PASSES:
        return replace(result, verdict=Verdict.ERROR, reasons=(reason,), next_steps=next_steps)
    return replace(result, warnings=(*result.warnings, reason))
