"""The complete decision for one case, from the evidence to the verdict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.core.capture import Completed, Lost, Raised, Unavailable
from harness.core.case import Case
from harness.core.environment import Environment, changes_between
from harness.core.portable.portability import portability_words
from harness.core.results.next_step import NextStep, NextSteps, advice, failure_steps, harness_step
from harness.core.results.reasons import (
    ComparedInPart,
    ExactDiffers,
    ExpectationsAlone,
    Message,
    MoreExactFindings,
    NoGolden,
    NothingToCompare,
    OtherCapture,
    PipelineRaised,
    Reason,
    Reasons,
    RelationRefused,
    UnfitCapture,
    UnreadableFile,
    UnusableCalibration,
    Warned,
    said,
)
from harness.core.results.verdict import (
    PASSES,
    CaseResult,
    ExactFinding,
    RunRecord,
    TensorResult,
    Verdict,
    worst,
)
from harness.core.tolerance import Allowance, Limits, Rule
from harness.core.trace import TraceLevel
from harness.errors import HarnessError, StoreError, UnreadableGolden
from harness.golden.completeness import is_newer, not_comparable
from harness.golden.header import RESTORE
from harness.golden.sidecar import Unusable, outputs_digest, trace_digest
from harness.golden.store import Missing
from harness.golden.tensors import TensorFile
from harness.golden.usable import unfit
from harness.judge.evidence import Evidence, JudgingGolden, Opened
from harness.judge.forced import reconciled
from harness.judge.invariants import judge_invariant, with_invariants
from harness.judge.limits import toothless_limit
from harness.judge.outputs.compare import compare_tensors
from harness.judge.outputs.expect import ExpectationResult, check_expectations
from harness.judge.stale import other_definition, other_weights
from harness.judge.traces.exact import exact_findings
from harness.judge.warned import capture_warnings

_TRACEBACK_LINES = 20

_FINDINGS_TOLD = 3


def judge(evidence: Evidence) -> CaseResult:
    """Decide one case: the plain run against the golden, its forced replay, its invariants.

    If called again after evidence was added, it compares nothing twice. It never raises because of files on the
    disk: an unreadable golden or capture is an `error`.
    """
    if evidence.compared is None:
        evidence.compared = _compared(evidence)
    result = evidence.explained or evidence.compared
    if evidence.explained is None and evidence.replay is not None:
        result = reconciled(evidence, result, evidence.replay)
    if evidence.invariants and isinstance(evidence.outcome, Completed):
        base = Path(evidence.outcome.path)
        result = with_invariants(
            result, [judge_invariant(one, base, came) for one, came in evidence.invariants]
        )
    return result


def _compared(evidence: Evidence) -> CaseResult:
    """The judgement of the plain run."""
    case, outcome = evidence.case, evidence.outcome
    match outcome:
        case Unavailable():
            reason = outcome.other_device or Message(outcome.reason)
            return _bare(case, Verdict.SKIPPED, (reason,), (_verify(case, "make it available, then run"),))
        case Lost():
            steps = outcome.next_steps or (_verify(case, "read the log, then run the case alone"),)
            return replace(_bare(case, Verdict.ERROR, said(outcome.reason), steps), log=outcome.log)
        case Raised():
            return _judge_raised(evidence, outcome)
        case Completed():
            judged = _judge_completed(evidence, outcome)
            return replace(judged, capture=evidence.digest, record=_record(evidence))


def _record(evidence: Evidence) -> RunRecord | None:
    if not isinstance(evidence.capture, Opened):
        return None
    document = evidence.capture.document
    took = document.seconds
    return RunRecord(outputs_digest(document), trace_digest(document), took.load, took.run, took.memory)


@dataclass(frozen=True, slots=True)
class _Judgement:
    """The part of a result that depends on capture and golden together."""

    verdict: Verdict
    reasons: Reasons = ()
    next_steps: NextSteps = ()
    tensors: tuple[TensorResult, ...] = ()
    findings: tuple[ExactFinding, ...] = ()
    warnings: tuple[Warned, ...] = ()


def _judge_raised(evidence: Evidence, outcome: Raised) -> CaseResult:
    """Broken, whatever the golden says; the golden only shows what has changed since it was recorded."""
    case, golden = evidence.case, evidence.golden
    steps = (_verify(case, f"fix the pipeline or {case.source}, then run"),)
    result = _started(_bare(case, Verdict.BROKEN, (PipelineRaised(outcome.message),), steps), outcome)
    log = tuple(outcome.traceback.splitlines()[-_TRACEBACK_LINES:])
    result = replace(result, log=log, warnings=outcome.warnings)
    match golden:
        case JudgingGolden():
            stale = other_definition(case, golden.document)
            result = replace(result, warnings=(*result.warnings, *([stale] if stale else [])))
            return _against(result, case, golden, outcome.environment)
        case Missing(platform=platform, platforms=platforms):
            return replace(result, warnings=(*result.warnings, NoGolden(platform, platforms)))
        case error:
            return replace(result, warnings=(*result.warnings, str(error)))


def _judge_completed(evidence: Evidence, outcome: Completed) -> CaseResult:
    case, capture, golden = evidence.case, evidence.capture, evidence.golden
    result = _started(_bare(case, Verdict.ERROR, (), ()), outcome)
    try:
        if not isinstance(capture, Opened):
            raise capture or UnreadableGolden(Path(outcome.path), "was not opened")
        result = replace(result, warnings=capture_warnings(case, capture.document))
        if isinstance(golden, HarnessError):
            raise golden
        assert golden is not None
        if isinstance(golden, JudgingGolden):
            result = _against(result, case, golden, outcome.environment)
        judgement = _judge_capture(case, capture, golden)
    except UnreadableGolden as error:
        steps = _recovery(case, outcome, error)
        judgement = _Judgement(Verdict.ERROR, (UnreadableFile(error.what),), steps)
    except StoreError as error:
        judgement = _Judgement(Verdict.ERROR, said(str(error)))
    return replace(
        result,
        verdict=judgement.verdict,
        reasons=judgement.reasons,
        next_steps=judgement.next_steps,
        tensors=judgement.tensors,
        exact_findings=judgement.findings,
        warnings=(*result.warnings, *judgement.warnings),
    )


def _judge_capture(case: Case, capture: Opened, golden: JudgingGolden | Missing) -> _Judgement:
    if odd := _another(case, capture.file):
        return _Judgement(Verdict.ERROR, (odd,), (_verify(case, "run the case again"),))
    if isinstance(golden, Missing):
        step = harness_step("record one here", "record", case.id)
        return _without_golden(case, capture, NoGolden(golden.platform, golden.platforms), step)
    if other := other_definition(case, golden.document):
        return _Judgement(Verdict.STALE, (other,), _undo("definition is", case.source, case))
    if others := other_weights(golden.document, capture.document):
        return _Judgement(Verdict.STALE, (others,), _undo("weights are", "the model", case))
    allowance = case.tolerance.for_relation(golden.relation)
    if allowance is Rule.REFUSE:
        step = _update(case, "record one of this machine's own")
        return _without_golden(case, capture, _refusal(golden), step)
    calibration = golden.calibration
    if isinstance(calibration, Unusable):
        # An unusable calibration is reported even if this relation does not need it: the next run may.
        if calibration.damaged or allowance is Rule.CALIBRATED:
            reason = UnusableCalibration(calibration.reason, calibration.damaged, calibration.newer)
            return _Judgement(Verdict.ERROR, (reason,), (_calibrate(case, calibration),))
        limits: Allowance | Mapping[str, Limits] = allowance
    else:
        limits = calibration.limits(golden.relation) if allowance is Rule.CALIBRATED else allowance
    return _judge_outputs(case, capture, golden, limits)


def _judge_outputs(
    case: Case, capture: Opened, golden: JudgingGolden, limits: Allowance | Mapping[str, Limits]
) -> _Judgement:
    """The outputs by these limits, and the traces without any."""
    if toothless := toothless_limit(golden.file, limits):
        return _Judgement(Verdict.ERROR, (toothless,), advice(f"state one that can fail in {case.source}"))
    tensors = compare_tensors(golden.file, capture.file, limits)
    there, here = golden.trace, capture.trace
    lacking = not_comparable(golden.file, there, capture.file, here, case.trace_level)
    findings = exact_findings(there, here, case.accept_exact) if there and here else ()
    judgement = _weigh(case, tensors, check_expectations(case, capture.file), findings)
    if not lacking:
        return judgement
    return _whole(case, judgement, golden.found.path, lacking, newer=is_newer(golden.file))


def _another(case: Case, capture: TensorFile) -> Reason | None:
    """Why the capture does not belong to the case as defined; None if it does."""
    document = capture.document
    if (document.case, document.digest) != (case.id, case.digest()):
        return OtherCapture(str(capture.path), document.case)
    odd = unfit(document, case.id)
    return UnfitCapture(str(capture.path), odd) if odd else None


def _whole(
    case: Case, judgement: _Judgement, golden: Path, lacking: Sequence[str], *, newer: bool
) -> _Judgement:
    """`judgement` of an incomplete comparison: not a pass, unless the case asks to compare only its outputs.

    A file from a `newer` harness must never be replaced.
    """
    told = ComparedInPart(str(golden), tuple(lacking))
    if judgement.verdict not in PASSES or case.trace_level is TraceLevel.NONE:
        return replace(judgement, warnings=(*judgement.warnings, told))
    steps = (
        _UPGRADE if newer else _update(case, "record it again"),
        NextStep(f"to judge by outputs only, set `trace: none` in {case.source}"),
    )
    reason = replace(told, outputs=judgement.verdict)
    return replace(judgement, verdict=Verdict.ERROR, reasons=(reason,), next_steps=steps)


def _calibrate(case: Case, found: Unusable) -> NextStep:
    """What to do about a calibration that cannot be used."""
    if found.newer:
        return _UPGRADE
    why = (
        "restore it from version control, or measure again"
        if found.damaged
        else "measure the legitimate noise"
    )
    return harness_step(why, "calibrate", case.id)


def _without_golden(
    case: Case, capture: Opened, reason: NoGolden | RelationRefused, step: NextStep
) -> _Judgement:
    """`no-golden`, unless the case needs none and its expectations judge it."""
    if not (case.golden_optional and case.expect):
        return _Judgement(Verdict.NO_GOLDEN, (reason,), (step,))
    judgement = _weigh(case, (), check_expectations(case, capture.file))
    return replace(judgement, reasons=judgement.reasons or (ExpectationsAlone(reason),))


def _weigh(
    case: Case,
    tensors: tuple[TensorResult, ...],
    expectations: tuple[ExpectationResult, ...],
    findings: tuple[ExactFinding, ...] = (),
) -> _Judgement:
    """The worst of tensors, unmet expectations and failing exact findings; met expectations alone are `within`."""
    if not tensors and not expectations:
        steps = advice(f"make the pipeline return an output: fix {case.source}")
        return _Judgement(Verdict.ERROR, (NothingToCompare(case.id),), steps)
    unmet = [result for result in expectations if result.verdict is not Verdict.WITHIN]
    found: list[tuple[Verdict, Reason | None]] = [(Verdict.WITHIN, None)] if not tensors else []
    found += [(tensor.verdict, reason) for tensor in tensors for reason in tensor.reasons or (None,)]
    found += [(result.verdict, result.reason) for result in unmet]
    found += [(Verdict.DRIFTED, reason) for reason in _told([one for one in findings if one.fails])]
    severest = worst(verdict for verdict, _ in found)
    failed = severest in (Verdict.DRIFTED, Verdict.BROKEN)
    reasons = tuple(reason for verdict, reason in found if reason and verdict is severest)
    return _Judgement(
        severest,
        reasons if failed else (),
        failure_steps(case.id) if failed else (),
        tensors,
        (*(_finding(result) for result in unmet), *findings),
    )


def _told(failing: Sequence[ExactFinding]) -> Iterator[Reason]:
    for one in failing[:_FINDINGS_TOLD]:
        yield ExactDiffers(one.what, one.golden, one.now)
    if (more := len(failing) - _FINDINGS_TOLD) > 0:
        yield MoreExactFindings(more)


def _finding(result: ExpectationResult) -> ExactFinding:
    expectation = result.expectation
    wished = f"{expectation.value:.10g} ± {expectation.abs_tol:g}"
    now = None if result.value is None else f"{result.value:.10g}"
    name = f"{expectation.output}.{expectation.statistic}"
    return ExactFinding(f"expect {name}", wished, now, fails=True, name=name)


def _bare(case: Case, verdict: Verdict, reasons: Reasons, next_steps: NextSteps) -> CaseResult:
    return CaseResult(
        case.id, verdict, None, None, None, reasons, 0.0,
        next_steps=next_steps, pipeline=case.pipeline, tags=case.tags,
        source=case.source, line=case.line, entry=case.entry,
    )  # fmt: skip


def _started(result: CaseResult, outcome: Completed | Raised) -> CaseResult:
    return replace(result, platform=outcome.environment.platform, seconds=outcome.seconds)


def _against(result: CaseResult, case: Case, golden: JudgingGolden, now: Environment) -> CaseResult:
    return replace(
        result,
        golden=golden.found.path.as_posix(),
        golden_sha256=golden.sha256,
        relation=golden.relation,
        environment_changes=changes_between(golden.document.environment, now),
        warnings=(*result.warnings, *([golden.found.why] if golden.found.nearest else [])),
        portability=_portability(case, golden, now),
    )


def _portability(case: Case, golden: JudgingGolden, now: Environment) -> str:
    """How a portable case came to be judged; "" for any other case, and if its definition has changed."""
    if not case.determinism.portable or golden.document.digest != case.digest():
        return ""
    there, allowance = golden.document.environment, case.tolerance.for_relation(golden.relation)
    return portability_words(there, now, golden.relation, allowance, asked=golden.asked)


def _refusal(golden: JudgingGolden) -> RelationRefused:
    hardware = golden.document.environment.hardware
    model = hardware.gpu or hardware.cpu_model
    return RelationRefused(str(golden.found.path), model, hardware.device, golden.relation)


def _recovery(case: Case, outcome: Completed, error: UnreadableGolden) -> NextSteps:
    """What to do about a damaged file: never record over a golden, which would make today's numbers the truth."""
    if error.path == Path(outcome.path):
        return (_verify(case, "run the case again"),)
    return advice(error.remedy or RESTORE)


def _undo(what: str, where: str, case: Case) -> NextSteps:
    """What to do about a golden of another definition or other weights; `what` names the change, intended or not."""
    return (
        _verify(case, f"if the new {what} not intended, restore {where} and run"),
        _update(case, f"if the new {what} intended"),
    )


def _verify(case: Case, why: str) -> NextStep:
    return harness_step(why, "verify", case.id)


def _update(case: Case, why: str) -> NextStep:
    return harness_step(why, "record", "--update", case.id)


_UPGRADE = NextStep("upgrade the harness")
