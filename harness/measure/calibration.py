"""Calibration: measure how far benign variations move a case, and derive limits from that."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from harness import __version__
from harness.config.calibrated import unused
from harness.core.capture import CaptureDocument, Completed, Lost, Outcome, Raised, Unavailable
from harness.core.case import Case
from harness.core.environment import Environment, relation_between, same_software
from harness.core.measured import limits
from harness.core.measured.calibration import (
    CALIBRATION_SCHEMA,
    Calibration,
    CalibrationResult,
    CalibrationState,
    Effect,
    VariedRun,
    Weakness,
)
from harness.core.results.measure_reasons import (
    BaseRunFailed,
    DifferByThemselves,
    NoGoldenForLimits,
    NothingMeasured,
    OtherDefinition,
)
from harness.core.results.next_step import NextSteps, harness_step
from harness.core.results.reasons import Message, Reason, said
from harness.core.tolerance import Relation
from harness.core.trace import TraceLevel
from harness.errors import HarnessError, UnreadableGolden
from harness.golden.calibrations import write_calibration
from harness.golden.sidecar import outputs_digest
from harness.golden.store import GoldenStore
from harness.golden.tensors import TensorFile
from harness.golden.trace import read_trace
from harness.invocation.command_line import command
from harness.judge.floors import Scale, boundary_floors, floors, scales
from harness.judge.weaknesses import amplification_weakness, capture_weaknesses, input_weaknesses
from harness.measure.noise import Incomparable
from harness.measure.variations import Probe, Variation, probes, variations
from harness.measure.varied_runs import WAITING, argument_shapes, moved_by, replay_noise, same_outputs
from harness.run.trial import Trial
from harness.trials.captures import seconds_of
from harness.trials.experiment import Experiment, Outcomes, conduct_all, with_replay
from harness.trials.failures import failure
from harness.trials.session import Session


@dataclass(slots=True)
class _Subject:
    """A case under calibration: its unvaried run, its golden, and the evidence collected so far."""

    case: Case
    base: Path
    outcome: Completed
    golden: Path
    document: CaptureDocument
    evidence: dict[str, VariedRun] = field(default_factory=dict)
    without_effect: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    seconds: float = 0.0


_OTHER_MACHINE = "the golden's own machine"


def subjects_of(
    cases: Sequence[Case], store: GoldenStore, session: Session
) -> tuple[list[_Subject], dict[str, CalibrationResult]]:
    """The cases whose unvaried run succeeded and that have a golden here, and the results of the others."""
    results = {case.id: _nondeterministic(case) for case in cases if case.allow_nondeterministic}
    trials = [
        Trial(case, session.path(case, "calibrate"), trace=TraceLevel.FULL)
        for case in cases
        if case.id not in results
    ]
    found = dict[str, _Subject]()
    for trial, outcome in session.conduct(trials):
        subject = _subject(trial, outcome, store)
        if isinstance(subject, _Subject):
            found[trial.case.id] = subject
        else:
            results[trial.case.id] = subject
    return [found[case.id] for case in cases if case.id in found], results


def _subject(trial: Trial, outcome: Outcome, store: GoldenStore) -> _Subject | CalibrationResult:
    case = trial.case
    if not isinstance(outcome, Completed):
        return _failure(case, outcome)
    try:
        platform = outcome.environment.platform
        path = store.path(case.id, platform)
        if platform not in store.platforms(case.id):
            step = harness_step("record it first", "record", case.id)
            return _error(case, NoGoldenForLimits(platform), (step,))
        document = store.document(path)
    except HarnessError as error:
        return _error(case, Message(str(error)))
    if document.digest != case.digest():
        step = harness_step("record it again", "record", "--update", case.id)
        return _error(case, OtherDefinition(str(path)), (step,))
    return _Subject(case, trial.capture, outcome, path, document, seconds=outcome.seconds)


def conduct_variations(subjects: Sequence[_Subject], session: Session) -> Iterator[_Subject]:
    """Run every variation of every case, with processes shared between cases; yields each case after its last run."""
    yield from conduct_all(session, [(subject, _planned(subject, session)) for subject in subjects])


def _planned(subject: _Subject, session: Session) -> Iterator[Experiment]:
    case = subject.case
    with TensorFile(subject.base) as base:
        trace = read_trace(base)
        if outputs_digest(base.document) != outputs_digest(subject.document):
            yield from _from_the_golden(subject, base, session)
    networks = [name for name, part in trace.structure.components.items() if part.modules] if trace else []
    for number, variation in enumerate(variations(case, subject.outcome.environment, networks), 2):
        trial = Trial(
            variation.case,
            session.path(case, f"calibrate-{_file_name(variation.name)}"),
            number,
            trace=TraceLevel.FULL,
            perturbation=variation.perturbation,
            variables={**WAITING, **variation.variables},
            further=True,
        )
        trials = with_replay(trial, subject.base) if variation.replayed else (trial,)
        yield Experiment(trials, partial(_varied, subject, variation))
    for probe in probes(case, argument_shapes(trace)):
        capture = session.path(case, f"calibrate-input-{_file_name(probe.key)}")
        trial = Trial(probe.case, capture, trace=TraceLevel.NONE, further=True)
        yield Experiment((trial,), partial(_probed, subject, probe))


def _file_name(name: str) -> str:
    return re.sub(r"\W+", "-", name)


def _from_the_golden(subject: _Subject, base: TensorFile, session: Session) -> Iterator[Experiment]:
    """Warn that this run differs from the golden; if only the machine differs, count the difference as evidence."""
    there, here = subject.document.environment, subject.outcome.environment
    only_machine = _is_another_machine(there, here)
    subject.warnings.append(
        f"{subject.golden}: the unvaried run here differs from it, so the noise was measured around that run"
        + (" and between the two" if only_machine else "")
        + f"; to see the difference: {command('verify', subject.case.id)}"
    )
    if not only_machine:
        return
    try:
        with TensorFile(subject.golden) as golden:
            subject.evidence[_OTHER_MACHINE] = moved_by(golden, base, limits.MACHINE, _OTHER_MACHINE)
            trace = read_trace(golden)
    except (Incomparable, UnreadableGolden) as error:
        subject.evidence[_OTHER_MACHINE] = VariedRun(
            limits.MACHINE, _OTHER_MACHINE, Effect.FAILED, str(error)
        )
        return
    if trace is not None and trace.index.level is TraceLevel.FULL:
        capture = session.path(subject.case, "calibrate-machine-forced")
        trial = Trial(subject.case, capture, 1, TraceLevel.FULL, subject.golden, further=True)
        yield Experiment((trial,), partial(_machine_replayed, subject))


def _is_another_machine(there: Environment, here: Environment) -> bool:
    """Whether only the hardware differs, within one platform; instruction sets count as hardware."""
    switches = replace(there.switches, cpu_capability=here.switches.cpu_capability)
    same_rest = same_software(there, here) and switches == here.switches
    other_hardware = there.hardware != here.hardware
    return same_rest and other_hardware and relation_between(there, here) is Relation.SAME_HARDWARE


def _varied(subject: _Subject, variation: Variation, outcomes: Outcomes) -> None:
    """Add the evidence of a variation: how far it moved the outputs, and its replay the boundaries."""
    subject.seconds += seconds_of(outcomes)
    plain, replay = outcomes[0], outcomes[1:]
    evidence = VariedRun(variation.family, variation.name, Effect.COUNTED)
    if isinstance(plain, Completed):
        try:
            evidence = _measured(subject, variation, Path(plain.path))
        except (Incomparable, UnreadableGolden) as error:
            evidence = replace(evidence, effect=Effect.FAILED, reason=str(error))
    else:
        effect = Effect.SKIPPED if isinstance(plain, Unavailable) else Effect.FAILED
        evidence = replace(evidence, effect=effect, reason=str(failure(plain)))
    subject.evidence[variation.name] = _with_boundaries(subject.case, evidence, subject.base, replay)


def _measured(subject: _Subject, variation: Variation, capture: Path) -> VariedRun:
    with TensorFile(subject.base) as base, TensorFile(capture) as varied:
        found = moved_by(base, varied, variation.family, variation.name)
        idle = varied.document.perturbed == 0
    if found.effect is Effect.NONE or idle:
        return replace(found, effect=Effect.NONE, reason="no bit differs")
    return found if variation.counted else replace(found, effect=Effect.SKIPPED, reason=variation.why)


def _machine_replayed(subject: _Subject, outcomes: Outcomes) -> None:
    subject.seconds += seconds_of(outcomes)
    evidence = subject.evidence[_OTHER_MACHINE]
    subject.evidence[_OTHER_MACHINE] = _with_boundaries(subject.case, evidence, subject.golden, outcomes)


def _with_boundaries(case: Case, evidence: VariedRun, replayed: Path, outcomes: Outcomes) -> VariedRun:
    """The evidence with the boundaries of a forced replay of `replayed`, if there was one, or why they are missing."""
    try:
        for outcome in outcomes:
            if not isinstance(outcome, Completed):
                return replace(evidence, reason=evidence.reason or f"forced replay: {failure(outcome)}")
            if evidence.effect is Effect.COUNTED:
                return replace(evidence, boundaries=replay_noise(case, replayed, Path(outcome.path)))
    except (Incomparable, UnreadableGolden) as error:
        return replace(evidence, reason=evidence.reason or str(error))
    return evidence


def _probed(subject: _Subject, probe: Probe, outcomes: Outcomes) -> None:
    subject.seconds += seconds_of(outcomes)
    [outcome] = outcomes
    # If the case cannot run with another input, nothing follows for the case.
    if isinstance(outcome, Completed):
        with suppress(UnreadableGolden):
            if same_outputs(subject.base, Path(outcome.path)):
                subject.without_effect.append(probe.key)


def result_of(subject: _Subject) -> CalibrationResult:
    """The limits that follow from the evidence of `subject`, stored next to its golden; or why there are none."""
    case = subject.case
    try:
        calibration = _calibration(subject)
        if not limits.counted(calibration.runs):
            reasons = tuple(dict.fromkeys(run.reason for run in calibration.runs if run.reason))
            return _error(case, NothingMeasured(reasons))
        path = write_calibration(subject.golden, calibration)
    except HarnessError as error:
        return _error(case, Message(str(error)))
    return CalibrationResult(
        case.id,
        CalibrationState.CALIBRATED,
        (),
        subject.seconds,
        path.as_posix(),
        calibration,
        warnings=tuple(subject.warnings),
        unused=unused(case),
    )


def _calibration(subject: _Subject) -> Calibration:
    with TensorFile(subject.base) as base:
        found: Mapping[str, Scale] = scales(base)
        weaknesses: list[Weakness] = list(capture_weaknesses(base))
        trace = read_trace(base)
    boundary_floor = boundary_floors(trace) if trace else {}
    floor = floors(found)
    runs = limits.admitted(list(subject.evidence.values()), floor, boundary_floor)
    once = limits.boundary_envelope(runs)
    amplified = limits.amplification(runs)
    return Calibration(
        schema=CALIBRATION_SCHEMA,
        case=subject.case.id,
        platform=subject.outcome.environment.platform,
        golden=outputs_digest(subject.document),
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        harness_version=__version__,
        environment=subject.outcome.environment,
        factor=limits.FACTOR,
        cross_factor=limits.CROSS_FACTOR,
        max_abs_factor=limits.MAX_ABS_FACTOR,
        outputs=limits.output_limits(runs, floor),
        boundaries=limits.boundary_limits(once, boundary_floor),
        boundary_envelope=once,
        amplification=amplified,
        growth=limits.envelope_growth(runs),
        left_out=limits.left_out(runs, floor, boundary_floor),
        gates=(
            *amplification_weakness(amplified),
            *input_weaknesses(sorted(subject.without_effect)),
            *weaknesses,
        ),
        runs=runs,
    )


def _nondeterministic(case: Case) -> CalibrationResult:
    return CalibrationResult(case.id, CalibrationState.SKIPPED, (DifferByThemselves(),), 0.0)


def _failure(case: Case, outcome: Lost | Raised | Unavailable) -> CalibrationResult:
    found = failure(outcome)
    if found.skipped:
        return CalibrationResult(case.id, CalibrationState.SKIPPED, said(found.why), 0.0)
    reason: Reason = BaseRunFailed("variation", found.why, found.raised)
    if found.next_steps:
        reason = Message(found.why)
    return replace(_error(case, reason, found.next_steps), log=found.log)


def _error(case: Case, reason: Reason, next_steps: NextSteps = ()) -> CalibrationResult:
    return CalibrationResult(case.id, CalibrationState.ERROR, (reason,), 0.0, next_steps=next_steps)
