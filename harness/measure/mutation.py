"""Mutation testing: plant every fault in a case, run it, and judge it by the case's limits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from harness import __version__
from harness.core.capture import Completed, Lost, Outcome, Raised, Unavailable
from harness.core.case import Case
from harness.core.environment import Environment
from harness.core.measured.mutants import LADDER, MUTANTS
from harness.core.measured.sensitivity import (
    SENSITIVITY_SCHEMA,
    MutantResult,
    MutantState,
    Sensitivity,
    SensitivityResult,
    SensitivityState,
)
from harness.core.perturbation import Perturbation
from harness.core.results.measure_reasons import BaseRunFailed
from harness.core.results.next_step import NextSteps, harness_step
from harness.core.results.reasons import said
from harness.core.trace import TraceLevel
from harness.errors import HarnessError
from harness.golden.sensitivities import write_sensitivity
from harness.golden.sidecar import Unusable, outputs_digest
from harness.golden.store import GoldenStore
from harness.golden.tensors import TensorFile
from harness.golden.trace import read_trace
from harness.invocation.command_line import command
from harness.judge.calibrated import calibration_of
from harness.measure.detection import (
    Base,
    LimitSet,
    detections,
    limit_set_of,
    raised,
    scores,
    seen,
    sharpness,
    smallest,
)
from harness.run.trial import Trial
from harness.trials.captures import seconds_of
from harness.trials.experiment import Experiment, Outcomes, conduct_all, with_replay
from harness.trials.failures import failure
from harness.trials.session import Session

_FOLDER = "sensitivity"

Key = tuple[str, float | None]
"""A fault by name and strength."""


class Unmeasurable(HarnessError):
    """The case has no limits to judge faults by, or no base run."""


class Newer(Unmeasurable):
    """A newer harness wrote the limits or the stored result, which must not be overwritten."""


@dataclass(slots=True)
class _Subject:
    """A case, its unperturbed run at `base`, and the results of its faults so far."""

    case: Case
    base: Path
    limit_set: LimitSet
    environment: Environment
    seconds: float
    results: dict[Key, MutantResult] = field(default_factory=dict)


def subjects_of(
    cases: Sequence[Case], store: GoldenStore, session: Session
) -> tuple[list[_Subject], dict[str, SensitivityResult], list[Outcome]]:
    """The cases whose run without a fault succeeded, the results of the others, and all outcomes."""
    trials = [Trial(case, _path(session, case, "base"), trace=TraceLevel.FULL) for case in cases]
    subjects, results, outcomes = [], dict[str, SensitivityResult](), list[Outcome]()
    for trial, outcome in session.conduct(trials):
        outcomes.append(outcome)
        try:
            subjects.append(_subject(trial, outcome, store))
        except HarnessError as error:
            results[trial.case.id] = _failed(trial.case, outcome, error)
    return sorted(subjects, key=lambda one: cases.index(one.case)), results, outcomes


def _subject(trial: Trial, outcome: Outcome, store: GoldenStore) -> _Subject:
    match outcome:
        case Completed():
            golden = store.path(trial.case.id, outcome.environment.platform)
            limits = limit_set(trial.case, golden)
            return _Subject(trial.case, trial.capture, limits, outcome.environment, outcome.seconds)
        case failed:
            raise Unmeasurable(str(failure(failed)))


def limit_set(case: Case, golden: Path) -> LimitSet:
    """The limits of the case, the calibrated ones from the sidecar of `golden`; raises Unmeasurable if it has none."""
    found = (
        calibration_of(golden)
        if golden.exists()
        else Unusable(f"{golden}: no such golden, so there are no calibrated limits")
    )
    if isinstance(found, Unusable) and found.newer:
        raise Newer(found.reason)
    if isinstance(found, Unusable) and found.damaged:
        raise Unmeasurable(f"{found.reason}; restore it, or run: {command('calibrate', case.id)}")
    calibration = None if isinstance(found, Unusable) else found
    limits = limit_set_of(case, calibration)
    if limits is None:
        assert isinstance(found, Unusable)
        raise Unmeasurable(f"{found.reason}; run: {command('calibrate', case.id)}")
    return limits


def conduct_mutants(subjects: Sequence[_Subject], session: Session, *, ladder: bool) -> Iterator[_Subject]:
    """Run every fault plain and forced, and judge it when both runs have ended; yields each case after its last."""
    with ExitStack() as stack:
        planned = [
            (subject, _planned(subject, _base(subject.base, stack), session, ladder=ladder))
            for subject in subjects
        ]
        yield from conduct_all(session, planned)


def _base(path: Path, stack: ExitStack) -> Base:
    file = stack.enter_context(TensorFile(path))
    trace = read_trace(file)
    assert trace is not None, "the base was recorded with a full trace"
    return Base(file, trace)


def _planned(subject: _Subject, base: Base, session: Session, *, ladder: bool) -> Iterator[Experiment]:
    for number, (name, strength) in enumerate(_keys(ladder=ladder), start=1):
        label = name if strength is None else f"{name} {strength:g}"
        plain = Trial(
            subject.case,
            _path(session, subject.case, label),
            number,
            TraceLevel.COMPONENTS,
            perturbation=Perturbation(name, strength),
            further=True,
        )
        judge = partial(_add_result, subject, base, (name, strength))
        yield Experiment(with_replay(plain, subject.base), judge)


def _add_result(subject: _Subject, base: Base, key: Key, outcomes: Outcomes) -> None:
    subject.seconds += seconds_of(outcomes)
    plain, forced = outcomes
    subject.results[key] = _judged(key, plain, forced, base, subject.limit_set)


def _keys(*, ladder: bool) -> Iterator[Key]:
    for fault in MUTANTS.values():
        rungs = LADDER if ladder and fault.ladder else ()
        yield from ((fault.name, strength) for strength in dict.fromkeys((fault.strength, *rungs)))


def _path(session: Session, case: Case, name: str) -> Path:
    return session.path(case, f"{_FOLDER}/{name}")


def _judged(key: Key, plain: Outcome, forced: Outcome, base: Base, limit_set: LimitSet) -> MutantResult:
    match plain:
        case Unavailable(reason=reason):
            return MutantResult(*key, MutantState.NOT_APPLICABLE, reason)
        case Lost(reason=reason):
            return MutantResult(*key, MutantState.ERROR, reason)
        case Raised(message=message):
            return MutantResult(*key, MutantState.APPLIED, message, 1, raised(limit_set, message))
        case Completed(path=path):
            try:
                with TensorFile(Path(path)) as now:
                    return _compared(key, now, forced, base, limit_set)
            except HarnessError as error:
                return MutantResult(*key, MutantState.ERROR, str(error))


def _compared(key: Key, now: TensorFile, replayed: Outcome, base: Base, limit_set: LimitSet) -> MutantResult:
    acted = now.document.perturbed or 0
    if not acted:
        return MutantResult(*key, MutantState.NOT_APPLICABLE, "it was never triggered")
    what = seen(base, now, limit_set)
    if what.nothing:
        return MutantResult(*key, MutantState.EQUIVALENT, "", acted)
    if isinstance(replayed, Completed):
        with TensorFile(Path(replayed.path)) as forced:
            return MutantResult(
                *key, MutantState.APPLIED, "", acted, detections(what, base, forced, limit_set)
            )
    reason = f"forced replay: {replayed.message if isinstance(replayed, Raised) else replayed.reason}"
    return MutantResult(*key, MutantState.APPLIED, reason, acted, detections(what, base, None, limit_set))


def result_of(subject: _Subject, store: GoldenStore) -> SensitivityResult:
    """What the limits of `subject` caught; stored next to its golden if the case has one."""
    case, results = subject.case, subject.results
    faults = tuple(results[fault.name, fault.strength] for fault in MUTANTS.values())
    rungs = [one for one in results.values() if MUTANTS[one.fault].ladder]
    state, reasons = sharpness(case, faults)
    others = tuple(one for one in rungs if one.strength != MUTANTS[one.fault].strength)
    result = SensitivityResult(
        case.id,
        state,
        reasons,
        subject.seconds,
        case.min_sensitivity,
        scores(faults, tuple(subject.limit_set.allowed), forced=case.forced),
        faults,
        smallest(rungs) if others else (),
        others,
        tighten(case) if state is SensitivityState.BLUNT else (),
        platform=subject.environment.platform,
        forced=case.forced,
    )
    try:
        return replace(result, path=_kept(subject, result, store))
    except HarnessError as error:
        return replace(result, state=SensitivityState.ERROR, reasons=said(str(error)), next_steps=())


def _kept(subject: _Subject, result: SensitivityResult, store: GoldenStore) -> str | None:
    """Store the result next to the golden whose limits judged; returns the path, None without a golden or a result."""
    case, golden = subject.case, store.path(subject.case.id, subject.environment.platform)
    if result.state is SensitivityState.ERROR or not golden.exists():
        return None
    document = store.document(golden)
    if document.digest != case.digest():
        update = command("record", "--update", case.id)
        raise Unmeasurable(
            f"{golden}: was recorded from a different definition of this case, so nothing is stored; run: {update}"
        )
    found = Sensitivity(
        schema=SENSITIVITY_SCHEMA,
        case=case.id,
        platform=subject.environment.platform,
        golden=outputs_digest(document),
        limits=subject.limit_set.digest(),
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        harness_version=__version__,
        environment=subject.environment,
        seconds=round(subject.seconds, 1),
        faults=result.faults,
        smallest=result.smallest,
    )
    return write_sensitivity(golden, found).as_posix()


def _failed(case: Case, outcome: Outcome, error: HarnessError) -> SensitivityResult:
    """The result of a case without a base run, or without limits to judge faults by."""
    if isinstance(outcome, Completed):
        return SensitivityResult(case.id, SensitivityState.ERROR, said(str(error)), 0.0, case.min_sensitivity)
    found = failure(outcome)
    return SensitivityResult(
        case.id,
        SensitivityState.SKIPPED if found.skipped else SensitivityState.ERROR,
        (BaseRunFailed("fault", found.why, raised=True),) if found.raised else said(found.why),
        0.0,
        case.min_sensitivity,
        log=found.log,
        next_steps=found.next_steps,
    )


def tighten(case: Case) -> NextSteps:
    """The next step for a case whose limits catch too few faults."""
    return (harness_step("tighten its limits", "calibrate", case.id),)
