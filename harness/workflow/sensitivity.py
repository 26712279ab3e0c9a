"""`harness sensitivity`: plant every fault in a case, and see which of them its limits catch."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from harness.core.capture import Completed, Lost, Outcome, Raised, Unavailable
from harness.core.case import Case, GeneratorKind
from harness.core.faults import FAULTS, LADDER
from harness.core.perturbation import Perturbation
from harness.core.sensitivity import (
    FaultResult,
    FaultState,
    SensitivityReport,
    SensitivityResult,
    SensitivityState,
)
from harness.core.tolerance import Relation, Rule
from harness.core.trace import TraceLevel
from harness.diagnose.sensitivity import Allowed, Base, Ruler, raised, scores, seen, sightings, smallest
from harness.errors import HarnessError
from harness.golden.calibrations import Uncalibrated, read_calibration
from harness.golden.store import GoldenStore
from harness.golden.tensors import TensorFile
from harness.golden.trace import read_trace
from harness.report.json_report import write_text
from harness.report.sensitivity_view import sensitivity_json
from harness.report.terminal import Screen
from harness.run.agenda import Run
from harness.workflow.cases import capture_path, cases_to_run, environment_of, recorded_cases, run_all
from harness.workflow.emit import emit_json
from harness.workflow.options import Options

_FOLDER = "sensitivity"

Key = tuple[str, float | None]
"""A fault by name and strength."""


class _Unmeasurable(HarnessError):
    """The case has no limits that faults could be measured by, or no base run."""


@dataclass(slots=True)
class _Subject:
    """A case whose unperturbed run lies at `base`, and the faults as their runs end."""

    case: Case
    base: Path
    ruler: Ruler
    seconds: float
    waiting: dict[Key, dict[bool, Outcome]] = field(default_factory=dict)
    results: dict[Key, FaultResult] = field(default_factory=dict)


def sensitivity(options: Options, screen: Screen, *, ladder: bool = True) -> int:
    """Returns the exit code of the report; without `ladder` each fault is planted at one strength only."""
    store = GoldenStore(options.goldens)
    cases = cases_to_run(options, screen, recorded_cases(store))
    subjects, results, outcomes = _subjects(cases, store, options, screen)
    _plant(subjects, options, screen, ladder=ladder)
    results |= {subject.case.id: _result(subject) for subject in subjects}
    report = SensitivityReport(environment_of(outcomes), tuple(results[case.id] for case in cases))
    text = sensitivity_json(report)
    write_text(options.out / "sensitivity.json", text)
    emit_json(text, options)
    screen.show_sensitivity(report)
    return report.exit_code()


def _subjects(
    cases: Sequence[Case], store: GoldenStore, options: Options, screen: Screen
) -> tuple[list[_Subject], dict[str, SensitivityResult], list[Outcome]]:
    """The cases that ran without a fault, and what is said of the others."""
    runs = [Run(case, _path(options, case, "base"), trace=TraceLevel.FULL) for case in cases]
    subjects, results, outcomes = [], dict[str, SensitivityResult](), list[Outcome]()
    for run, outcome in run_all(runs, options, screen) if runs else ():
        outcomes.append(outcome)
        try:
            subjects.append(_subject(run, outcome, store))
        except HarnessError as error:
            results[run.case.id] = _failure(run.case, outcome, str(error))
    return sorted(subjects, key=lambda one: cases.index(one.case)), results, outcomes


def _subject(run: Run, outcome: Outcome, store: GoldenStore) -> _Subject:
    match outcome:
        case Completed():
            ruler = _ruler(run.case, outcome, store)
            return _Subject(run.case, run.capture, ruler, outcome.seconds)
        case Raised(message=message):
            raise _Unmeasurable(f"the run without a fault raised {message}")
        case Unavailable(reason=reason) | Lost(reason=reason):
            raise _Unmeasurable(reason)


def _ruler(case: Case, outcome: Completed, store: GoldenStore) -> Ruler:
    """The limits of the case, calibrated ones from beside the golden of this platform."""
    golden = store.path(case.id, outcome.environment.platform)
    found = (
        read_calibration(golden, store.document(golden))
        if golden.exists()
        else Uncalibrated(f"{golden}: no such golden, so there are no calibrated limits")
    )
    allowed: dict[Relation, Allowed] = {}
    for relation in Relation:
        allowance = case.tolerance.for_relation(relation)
        if allowance is Rule.CALIBRATED:
            if isinstance(found, Uncalibrated):
                raise _Unmeasurable(f"{found.reason}; run: harness calibrate {shlex.quote(case.id)}")
            allowed[relation] = found.limits(relation)
        elif allowance is not Rule.REFUSE:
            allowed[relation] = allowance
    boundaries = {} if isinstance(found, Uncalibrated) else found.boundaries
    return Ruler(allowed, boundaries, case.accept_exact, case.generator is not GeneratorKind.NONE)


def _plant(subjects: Sequence[_Subject], options: Options, screen: Screen, *, ladder: bool) -> None:
    """Run every fault plain and forced, and judge each as soon as both runs are done."""
    by_case = {subject.case.id: subject for subject in subjects}
    runs = [run for subject in subjects for run in _runs(subject, options, ladder=ladder)]
    if not runs:
        return
    with ExitStack() as stack:
        bases = {name: _base(subject.base, stack) for name, subject in by_case.items()}
        for run, outcome in run_all(runs, options, screen):
            subject, key = by_case[run.case.id], _key(run)
            subject.seconds += outcome.seconds if isinstance(outcome, Completed | Raised) else 0.0
            done = subject.waiting.setdefault(key, {})
            done[run.forced is not None] = outcome
            if len(done) == 2:
                subject.results[key] = _judged(key, done, bases[run.case.id], subject.ruler)
                _discard(done)


def _base(path: Path, stack: ExitStack) -> Base:
    file = stack.enter_context(TensorFile(path))
    trace = read_trace(file)
    assert trace is not None, "the base was recorded with a full trace"
    return Base(file, trace)


def _runs(subject: _Subject, options: Options, *, ladder: bool) -> Iterator[Run]:
    case = subject.case
    for number, (name, strength) in enumerate(_keys(ladder=ladder), start=1):
        perturbation = Perturbation(name, strength)
        label = name if strength is None else f"{name} {strength:g}"
        plain, forced = _path(options, case, label), _path(options, case, f"{label} forced")
        yield Run(case, plain, number, TraceLevel.COMPONENTS, perturbation=perturbation)
        yield Run(case, forced, number, TraceLevel.FULL, subject.base, perturbation)


def _keys(*, ladder: bool) -> Iterator[Key]:
    for fault in FAULTS.values():
        rungs = LADDER if ladder and fault.ladder else ()
        yield from ((fault.name, strength) for strength in dict.fromkeys((fault.strength, *rungs)))


def _key(run: Run) -> Key:
    assert run.perturbation is not None
    return run.perturbation.name, run.perturbation.strength


def _path(options: Options, case: Case, name: str) -> Path:
    return capture_path(options.out, case, f"{_FOLDER}/{name}")


def _judged(key: Key, done: dict[bool, Outcome], base: Base, ruler: Ruler) -> FaultResult:
    match done[False]:
        case Unavailable(reason=reason):
            return FaultResult(*key, FaultState.NOT_APPLICABLE, reason)
        case Lost(reason=reason):
            return FaultResult(*key, FaultState.ERROR, reason)
        case Raised(message=message):
            return FaultResult(*key, FaultState.APPLIED, message, 1, raised(ruler, message))
        case Completed(path=path):
            try:
                with TensorFile(Path(path)) as now:
                    return _compared(key, now, done[True], base, ruler)
            except HarnessError as error:
                return FaultResult(*key, FaultState.ERROR, str(error))


def _compared(key: Key, now: TensorFile, replayed: Outcome, base: Base, ruler: Ruler) -> FaultResult:
    acted = now.document.perturbed or 0
    if not acted:
        return FaultResult(*key, FaultState.NOT_APPLICABLE, "it never came to act")
    what = seen(base, now, ruler)
    if what.nothing:
        return FaultResult(*key, FaultState.EQUIVALENT, "", acted)
    if isinstance(replayed, Completed):
        with TensorFile(Path(replayed.path)) as forced:
            return FaultResult(*key, FaultState.APPLIED, "", acted, sightings(what, base, forced, ruler))
    reason = f"forced replay: {replayed.message if isinstance(replayed, Raised) else replayed.reason}"
    return FaultResult(*key, FaultState.APPLIED, reason, acted, sightings(what, base, None, ruler))


def _discard(done: dict[bool, Outcome]) -> None:
    for outcome in done.values():
        if isinstance(outcome, Completed):
            Path(outcome.path).unlink(missing_ok=True)


def _result(subject: _Subject) -> SensitivityResult:
    case, results = subject.case, subject.results
    faults = tuple(results[fault.name, fault.strength] for fault in FAULTS.values())
    rungs = [one for one in results.values() if FAULTS[one.fault].ladder]
    state, reason = _state(case, faults)
    others = tuple(one for one in rungs if one.strength != FAULTS[one.fault].strength)
    return SensitivityResult(
        case.id,
        state,
        reason,
        subject.seconds,
        case.min_sensitivity,
        scores(faults, tuple(subject.ruler.allowed)),
        faults,
        smallest(rungs) if others else (),
        others,
        f"tighten its limits: harness calibrate {shlex.quote(case.id)}"
        if state is SensitivityState.BLUNT
        else "",
    )


def _state(case: Case, faults: Sequence[FaultResult]) -> tuple[SensitivityState, str]:
    unknown = [one for one in faults if one.state is FaultState.ERROR]
    if unknown:
        return SensitivityState.ERROR, f"{unknown[0].fault}: {unknown[0].reason}"
    [score] = scores(faults, (Relation.SAME_HARDWARE,))
    if case.min_sensitivity is None or score.share is None or score.share >= case.min_sensitivity:
        return SensitivityState.SHARP, ""
    reason = (
        f"{score.caught} of {score.applied} faults caught in same-hardware, {score.share:.1%}; "
        f"min_sensitivity is {case.min_sensitivity:.1%}"
    )
    return SensitivityState.BLUNT, reason


def _failure(case: Case, outcome: Outcome, reason: str) -> SensitivityResult:
    state = SensitivityState.SKIPPED if isinstance(outcome, Unavailable) else SensitivityState.ERROR
    log = outcome.log if isinstance(outcome, Lost) else ()
    return SensitivityResult(case.id, state, reason, 0.0, case.min_sensitivity, log=log)
