"""The whole decision for one case: from what came of its run, and the golden there is, to the verdict."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.core.capture import CaptureDocument, Completed, Lost, Outcome, Raised, Unavailable
from harness.core.case import Case
from harness.core.environment import Environment, changes_between, relation_between
from harness.core.portability import portability_words
from harness.core.tolerance import Allowance, Limits, Relation, Rule
from harness.core.trace import TraceLevel
from harness.core.verdict import PASSES, CaseResult, ExactFinding, TensorResult, Verdict, failure_steps
from harness.errors import StoreError, UnreadableGolden
from harness.golden.beside import Unusable
from harness.golden.completeness import is_newer, not_comparable
from harness.golden.header import RESTORE
from harness.golden.store import Found, GoldenStore, Missing
from harness.golden.tensors import TensorFile, file_sha256
from harness.golden.trace import read_trace
from harness.golden.usable import unfit
from harness.verify.calibrated import calibration_of
from harness.verify.compare import compare_tensors
from harness.verify.exact import exact_findings
from harness.verify.expect import ExpectationResult, check_expectations
from harness.verify.limits import toothless_limit
from harness.verify.stale import other_weights, stale_reason
from harness.verify.warned import capture_warnings

_TRACEBACK_LINES = 20

_FINDINGS_TOLD = 3

_BY_SEVERITY = (Verdict.IDENTICAL, Verdict.WITHIN, Verdict.DRIFTED, Verdict.BROKEN)


def judge(
    case: Case, outcome: Outcome, store: GoldenStore, *, relation: Relation | None = None
) -> CaseResult:
    """Judge what came of running `case`; `relation` judges as if that one held.

    Raises nothing for what lies on the disk: a golden or capture that cannot be read is an `error`.
    """
    match outcome:
        case Unavailable():
            return _bare(
                case, Verdict.SKIPPED, outcome.reason, f"make it available, then run: {_verify(case)}"
            )
        case Lost():
            step = outcome.next_step or f"read the log, then run the case alone: {_verify(case)}"
            return replace(_bare(case, Verdict.ERROR, outcome.reason, step), log=outcome.log)
        case Raised():
            return _judge_raised(case, outcome, store, relation)
        case Completed():
            return _judge_completed(case, outcome, store, relation)


@dataclass(frozen=True, slots=True)
class _Golden:
    """The golden that judges, and under which relation; `asked` says that this was asked for, not found."""

    found: Found
    document: CaptureDocument
    relation: Relation
    asked: bool = False


@dataclass(frozen=True, slots=True)
class _Judgement:
    """The part of a result that capture and golden decide together."""

    verdict: Verdict
    reason: str = ""
    next_step: str = ""
    tensors: tuple[TensorResult, ...] = ()
    findings: tuple[ExactFinding, ...] = ()
    warnings: tuple[str, ...] = ()


def _judge_raised(case: Case, outcome: Raised, store: GoldenStore, relation: Relation | None) -> CaseResult:
    """Broken whatever the golden says; the golden tells what has changed since it was recorded."""
    step = f"fix the pipeline or {case.source}, then run: {_verify(case)}"
    result = _started(_bare(case, Verdict.BROKEN, outcome.message, step), outcome)
    log = tuple(outcome.traceback.splitlines()[-_TRACEBACK_LINES:])
    result = replace(result, log=log, warnings=outcome.warnings)
    try:
        golden = _find(case, outcome.environment, store, relation)
    except (UnreadableGolden, StoreError) as error:
        return replace(result, warnings=(*result.warnings, str(error)))
    if isinstance(golden, Missing):
        return replace(result, warnings=(*result.warnings, golden.reason))
    stale = () if golden.document.digest == case.digest() else (stale_reason(case, golden.document),)
    return _against(replace(result, warnings=(*result.warnings, *stale)), case, golden, outcome.environment)


def _judge_completed(
    case: Case, outcome: Completed, store: GoldenStore, relation: Relation | None
) -> CaseResult:
    result = _started(_bare(case, Verdict.ERROR, "", ""), outcome)
    try:
        with TensorFile(Path(outcome.path)) as capture:
            result = replace(result, warnings=capture_warnings(case, capture.document))
            golden = _find(case, outcome.environment, store, relation)
            if isinstance(golden, _Golden):
                result = _against(result, case, golden, outcome.environment)
            judgement = _judge_capture(case, capture, golden, store)
    except UnreadableGolden as error:
        judgement = _Judgement(Verdict.ERROR, error.what, _recovery(case, outcome, error))
    except StoreError as error:
        judgement = _Judgement(Verdict.ERROR, str(error))
    return replace(
        result,
        verdict=judgement.verdict,
        reason=judgement.reason,
        next_step=judgement.next_step,
        tensors=judgement.tensors,
        exact_findings=judgement.findings,
        warnings=(*result.warnings, *judgement.warnings),
    )


def _judge_capture(
    case: Case, capture: TensorFile, golden: _Golden | Missing, store: GoldenStore
) -> _Judgement:
    digest = case.digest()
    if (capture.document.case, capture.document.digest) != (case.id, digest):
        reason = f"{capture.path}: is a capture of another definition, of case {capture.document.case}"
        return _Judgement(Verdict.ERROR, reason, f"run the case again: {_verify(case)}")
    if odd := unfit(capture.document, case.id):
        reason = f"{capture.path}: is no capture of the case as it is: {'; '.join(odd)}"
        return _Judgement(Verdict.ERROR, reason, f"run the case again: {_verify(case)}")
    if isinstance(golden, Missing):
        return _without_golden(case, capture, golden.reason, golden.next_step)
    if golden.document.digest != digest:
        step = f"{_undo('definition', case.source, case)}; if the new definition is meant: {_update(case)}"
        return _Judgement(Verdict.STALE, stale_reason(case, golden.document), step)
    if other := other_weights(golden.document, capture.document):
        step = f"{_undo('weights', 'the model', case)}; if the new weights are meant: {_update(case)}"
        return _Judgement(Verdict.STALE, other, step)
    allowance = case.tolerance.for_relation(golden.relation)
    if allowance is Rule.REFUSE:
        return _without_golden(
            case, capture, _refusal(golden), f"record one of this machine's own: {_update(case)}"
        )
    calibration = calibration_of(golden.found.path)
    if isinstance(calibration, Unusable):
        # What cannot be believed is told even where these limits are not asked: the next run may ask them.
        if calibration.damaged or allowance is Rule.CALIBRATED:
            return _Judgement(Verdict.ERROR, calibration.reason, _calibrate(case, calibration))
        limits: Allowance | Mapping[str, Limits] = allowance
    else:
        limits = calibration.limits(golden.relation) if allowance is Rule.CALIBRATED else allowance
    with store.open(golden.found.path) as file:
        if toothless := toothless_limit(file, limits):
            return _Judgement(Verdict.ERROR, toothless, f"state one that can fail in {case.source}")
        tensors = compare_tensors(file, capture, limits)
        there, here = read_trace(file), read_trace(capture)
        lacking = not_comparable(file, there, capture, here, case.trace_level)
        newer = is_newer(file)
    findings = exact_findings(there, here, case.accept_exact) if there and here else ()
    judgement = _weigh(case, tensors, check_expectations(case, capture), findings)
    return _whole(case, judgement, golden.found.path, lacking, newer=newer) if lacking else judgement


def _whole(
    case: Case, judgement: _Judgement, golden: Path, lacking: Sequence[str], *, newer: bool
) -> _Judgement:
    """`judgement` of a comparison that lacks something: no pass, unless the case wants its outputs compared alone.

    What a `newer` harness wrote is never to be replaced.
    """
    told = f"{golden}: {'; '.join(lacking)}"
    if judgement.verdict not in PASSES or case.trace_level is TraceLevel.NONE:
        return replace(judgement, warnings=(*judgement.warnings, told))
    reason = f"{told}, so the outputs alone could be compared ({judgement.verdict})"
    record = "upgrade the harness" if newer else f"record it anew: {_update(case)}"
    step = f"{record}; to judge by outputs alone, set `trace: none` in {case.source}"
    return replace(judgement, verdict=Verdict.ERROR, reason=reason, next_step=step)


def _calibrate(case: Case, found: Unusable) -> str:
    """What to do about a calibration that cannot be used."""
    if found.newer:
        return "upgrade the harness"
    measure = f"harness calibrate {shlex.quote(case.id)}"
    if found.damaged:
        return f"restore it from version control, or measure anew: {measure}"
    return f"measure what is legitimate: {measure}"


def _without_golden(case: Case, capture: TensorFile, reason: str, next_step: str) -> _Judgement:
    """`no-golden`, unless the case may do without one and its expectations judge it."""
    if not (case.golden_optional and case.expect):
        return _Judgement(Verdict.NO_GOLDEN, reason, next_step)
    judgement = _weigh(case, (), check_expectations(case, capture))
    return replace(judgement, reason=judgement.reason or f"{reason}; judged by its expectations alone")


def _weigh(
    case: Case,
    tensors: tuple[TensorResult, ...],
    expectations: tuple[ExpectationResult, ...],
    findings: tuple[ExactFinding, ...] = (),
) -> _Judgement:
    """The worst of all tensors, unmet expectations and failing exact findings; met expectations alone are `within`."""
    if not tensors and not expectations:
        reason = f"{case.id}: neither the golden nor the run has any output to compare"
        return _Judgement(Verdict.ERROR, reason, f"let the pipeline return something: fix {case.source}")
    unmet = [result for result in expectations if result.verdict is not Verdict.WITHIN]
    told = [(tensor.verdict, tensor.reason) for tensor in tensors]
    told += [(result.verdict, result.reason) for result in unmet]
    told += [(Verdict.DRIFTED, words) for words in _told([one for one in findings if one.fails])]
    told = told or [(Verdict.WITHIN, "")]
    worst = max((verdict for verdict, _ in told), key=_BY_SEVERITY.index)
    failed = worst in (Verdict.DRIFTED, Verdict.BROKEN)
    return _Judgement(
        worst,
        "; ".join(reason for verdict, reason in told if verdict is worst) if failed else "",
        failure_steps(case.id) if failed else "",
        tensors,
        (*(_finding(result) for result in unmet), *findings),
    )


def _told(failing: Sequence[ExactFinding]) -> Iterator[str]:
    for one in failing[:_FINDINGS_TOLD]:
        yield f"{one.what}: {one.golden} in the golden, now {one.now}"
    if (more := len(failing) - _FINDINGS_TOLD) > 0:
        yield f"{more} more exact findings"


def _finding(result: ExpectationResult) -> ExactFinding:
    expectation = result.expectation
    wished = f"{expectation.value:.10g} ± {expectation.abs_tol:g}"
    now = None if result.value is None else f"{result.value:.10g}"
    return ExactFinding(f"expect {expectation.output}.{expectation.statistic}", wished, now, fails=True)


def _find(
    case: Case, environment: Environment, store: GoldenStore, relation: Relation | None
) -> _Golden | Missing:
    found = store.find(case, environment.platform)
    if isinstance(found, Missing):
        return found
    document = store.document(found.path)
    found_out = relation_between(document.environment, environment)
    return _Golden(found, document, relation or found_out, asked=relation not in (None, found_out))


def _bare(case: Case, verdict: Verdict, reason: str, next_step: str) -> CaseResult:
    return CaseResult(case.id, verdict, None, None, None, reason, 0.0, next_step=next_step)


def _started(result: CaseResult, outcome: Completed | Raised) -> CaseResult:
    return replace(result, platform=outcome.environment.platform, seconds=outcome.seconds)


def _against(result: CaseResult, case: Case, golden: _Golden, now: Environment) -> CaseResult:
    return replace(
        result,
        golden=golden.found.path.as_posix(),
        golden_sha256=file_sha256(golden.found.path),
        relation=golden.relation,
        environment_changes=changes_between(golden.document.environment, now),
        warnings=(*result.warnings, *([golden.found.why] if golden.found.nearest else [])),
        portability=_portability(case, golden, now),
    )


def _portability(case: Case, golden: _Golden, now: Environment) -> str:
    """How a case that is to be portable came to be judged; "" for any other, and where its definition has changed."""
    if not case.determinism.portable or golden.document.digest != case.digest():
        return ""
    there, allowance = golden.document.environment, case.tolerance.for_relation(golden.relation)
    return portability_words(there, now, golden.relation, allowance, asked=golden.asked)


def _refusal(golden: _Golden) -> str:
    hardware = golden.document.environment.hardware
    model = hardware.gpu or hardware.cpu_model
    return f"{golden.found.path}: recorded on {model} ({hardware.device}), the case refuses {golden.relation}"


def _recovery(case: Case, outcome: Completed, error: UnreadableGolden) -> str:
    """What to do about a damaged file; never to record over a golden, which would make today's numbers the truth."""
    if error.what.startswith(f"{Path(outcome.path)}:"):
        return f"run the case again: {_verify(case)}"
    return error.remedy or RESTORE


def _verify(case: Case) -> str:
    return f"harness verify {shlex.quote(case.id)}"


def _undo(what: str, where: str, case: Case) -> str:
    verb = "are" if what.endswith("s") else "is"
    return f"if the new {what} {verb} not meant, restore {where} and run: {_verify(case)}"


def _update(case: Case) -> str:
    return f"harness record --update {shlex.quote(case.id)}"
