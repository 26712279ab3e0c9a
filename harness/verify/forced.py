"""Put a forced replay beside the judgement of the end-to-end run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from harness.core.capture import Completed, Lost, Outcome, Raised, Unavailable
from harness.core.case import Case, GeneratorKind
from harness.core.next_step import NextSteps, failure_steps, harness_step
from harness.core.reasons import (
    BoundaryExceeded,
    NotReplayable,
    PipelineRaised,
    Reason,
    ReplayExceeds,
    ReplayFailed,
    UnreadableFile,
)
from harness.core.trace import TraceLevel
from harness.core.verdict import PASSES, Boundary, CaseResult, Verdict, worst
from harness.errors import UnreadableGolden
from harness.golden.beside import Unusable
from harness.golden.tensors import TensorFile
from harness.golden.trace import Trace, read_trace
from harness.verify.boundaries import judge_boundaries
from harness.verify.calibrated import calibration_of

_JUDGED = PASSES | {Verdict.DRIFTED, Verdict.BROKEN}

_NAMED = 3  # boundaries told in a reason


def replayable(result: CaseResult) -> bool:
    """Whether the end-to-end run was compared with a golden that keeps the tensors of its boundaries."""
    if result.golden is None or result.verdict not in _JUDGED:
        return False
    try:
        with TensorFile(Path(result.golden)) as golden:
            trace = read_trace(golden)
    except UnreadableGolden:
        return False
    return trace is not None and trace.index.level is TraceLevel.FULL


def cannot_replay(result: CaseResult) -> CaseResult:
    """The judgement of a case whose forced replay was asked for and cannot be had.

    A pass becomes an `error`, since only a part was judged; a failure stays what it is.
    """
    if result.verdict not in _JUDGED:
        return result
    step = harness_step("record it with `trace: full`", "record", "--update", result.case)
    return _undecided(result, NotReplayable(result.golden), (step,))


def judge_forced(case: Case, result: CaseResult, outcome: Outcome, *, decides: bool = True) -> CaseResult:
    """`result` with the boundaries of the forced replay that came to `outcome`.

    A boundary beyond its limit fails a case that passed end to end as `drifted`, one that cannot be
    compared as `broken`. A replay that did not come to its end makes a pass an `error`. Unless the replay
    `decides`, the verdict stays: boundaries and warnings are all it adds.
    """
    match outcome:
        case Completed(path=path):
            try:
                boundaries = _boundaries(case, result, Path(path))
            except UnreadableGolden as error:
                step = harness_step("run the case again", "verify", "--forced", case.id)
                return _undecided(result, UnreadableFile(str(error)), (step,), decides=decides)
            judged = replace(result, boundaries=boundaries)
            return _with(judged, boundaries) if decides else judged
        case Raised(message=message):
            reason: Reason = PipelineRaised(message, run="forced")
        case Lost(reason=why) | Unavailable(reason=why):
            reason = ReplayFailed(why)
    return _undecided(result, reason, result.next_steps, decides=decides)


def _boundaries(case: Case, result: CaseResult, path: Path) -> tuple[Boundary, ...]:
    assert result.golden is not None
    assert result.relation is not None
    with TensorFile(Path(result.golden)) as golden, TensorFile(path) as forced:
        ours, theirs = _trace(golden), _trace(forced)
        seeded = case.generator is not GeneratorKind.NONE
        found = calibration_of(golden.path)
        limits = {} if isinstance(found, Unusable) else found.boundaries
        harmless = frozenset(_called_otherwise(result))
        return judge_boundaries(
            ours, theirs, result.relation, seeded=seeded, limits=limits, harmless=harmless
        )


def _called_otherwise(result: CaseResult) -> Iterator[str]:
    """The events that the plain run made more or less often, with every tensor the golden's."""
    for finding in result.exact_findings:
        if not finding.fails and finding.what.endswith(".calls"):
            yield finding.what.removesuffix(".calls")


def _trace(file: TensorFile) -> Trace:
    trace = read_trace(file)
    if trace is None:
        raise UnreadableGolden(file.path, "has no trace; record the case again")
    return trace


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
