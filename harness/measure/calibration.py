"""Calibration: what benign variations of a case move, and the limits that follow from it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
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
    Evidence,
    Weakness,
)
from harness.core.results.next_step import NextSteps, harness_step
from harness.core.results.reasons import said
from harness.core.tolerance import Relation
from harness.core.trace import TraceLevel
from harness.errors import HarnessError, UnreadableGolden
from harness.golden.calibrations import write_calibration
from harness.golden.sidecar import outputs_digest
from harness.golden.store import GoldenStore
from harness.golden.tensors import TensorFile
from harness.golden.trace import read_trace
from harness.invocation.command_line import command
from harness.invocation.options import Options
from harness.judge.floors import Scale, boundary_floors, floors, scales
from harness.judge.weaknesses import amplification_weakness, capture_weaknesses, input_weaknesses
from harness.measure.evidence import WAITING, argument_shapes, moved_by, replay_noise, same_outputs
from harness.measure.noise import Incomparable
from harness.measure.variations import Probe, Variation, probes, variations
from harness.report.progress import Progress
from harness.run.queue import Run
from harness.trials.conduct import capture_path, run_all


@dataclass(slots=True)
class _Subject:
    """A case under calibration: its unvaried run, its golden, and the evidence as it comes in."""

    case: Case
    base: Path
    outcome: Completed
    golden: Path
    document: CaptureDocument
    evidence: dict[str, Evidence] = field(default_factory=dict)
    boundaries: dict[str, Mapping[str, float] | str] = field(default_factory=dict)
    without_effect: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    seconds: float = 0.0


Finish = Callable[[Outcome], None]

_OTHER_MACHINE = "the golden's own machine"


def subjects_of(
    cases: Sequence[Case], store: GoldenStore, options: Options, progress: Progress
) -> tuple[list[_Subject], dict[str, CalibrationResult]]:
    """The cases whose unvaried run succeeded and that have a golden here, and what became of the others."""
    results = {case.id: _nondeterministic(case) for case in cases if case.allow_nondeterministic}
    runs = [
        Run(case, capture_path(options.out, case, "calibrate"), trace=TraceLevel.FULL)
        for case in cases
        if case.id not in results
    ]
    found = dict[str, _Subject]()
    for run, outcome in run_all(runs, options, progress):
        subject = _subject(run, outcome, store)
        if isinstance(subject, _Subject):
            found[run.case.id] = subject
        else:
            results[run.case.id] = subject
    return [found[case.id] for case in cases if case.id in found], results


def _subject(run: Run, outcome: Outcome, store: GoldenStore) -> _Subject | CalibrationResult:
    case = run.case
    if not isinstance(outcome, Completed):
        return _failure(case, outcome)
    try:
        platform = outcome.environment.platform
        path = store.path(case.id, platform)
        if platform not in store.platforms(case.id):
            step = harness_step("record it first", "record", case.id)
            return _error(case, f"{platform}: there is no golden that limits could belong to", (step,))
        document = store.document(path)
    except HarnessError as error:
        return _error(case, str(error))
    if document.digest != case.digest():
        step = harness_step("record it anew", "record", "--update", case.id)
        return _error(case, f"{path}: was recorded from a different definition of this case", (step,))
    return _Subject(case, run.capture, outcome, path, document, seconds=outcome.seconds)


def run_variations(subjects: Sequence[_Subject], options: Options, progress: Progress) -> Iterator[_Subject]:
    """Run every variation of every case, so that cases share processes; each case as its last run has ended."""
    planned = [(subject, *plan) for subject in subjects for plan in _planned(subject, options.out)]
    finishes = {run.capture: (subject, finish) for subject, run, finish in planned}
    waiting = Counter(subject.case.id for subject, _, _ in planned)
    yield from (subject for subject in subjects if not waiting[subject.case.id])
    for run, outcome in run_all([run for _, run, _ in planned], options, progress) if planned else ():
        subject, finish = finishes[run.capture]
        subject.seconds += outcome.seconds if isinstance(outcome, Completed | Raised) else 0.0
        finish(outcome)
        run.capture.unlink(missing_ok=True)
        waiting[subject.case.id] -= 1
        if not waiting[subject.case.id]:
            yield subject


def _planned(subject: _Subject, out: Path) -> Iterator[tuple[Run, Finish]]:
    """The runs of one case, each with what takes down its outcome."""
    case = subject.case
    with TensorFile(subject.base) as base:
        trace = read_trace(base)
        if outputs_digest(base.document) != outputs_digest(subject.document):
            yield from _from_the_golden(subject, base, out)
    networks = [name for name, part in trace.structure.components.items() if part.modules] if trace else []
    for number, variation in enumerate(variations(case, subject.outcome.environment, networks), 1):
        run = Run(
            variation.case,
            capture_path(out, case, f"calibrate-{_file_name(variation.name)}"),
            2 * number,
            trace=TraceLevel.FULL,
            perturbation=variation.perturbation,
            variables={**WAITING, **variation.variables},
            further=True,
        )
        yield run, partial(_varied, subject, variation, run.capture)
        if variation.replayed:
            again = run.capture.with_stem(f"{run.capture.stem}-forced")
            forced = replace(run, capture=again, number=2 * number + 1, forced=subject.base)
            yield forced, partial(_replayed, subject, variation.name, subject.base, again)
    for probe in probes(case, argument_shapes(trace)):
        capture = capture_path(out, case, f"calibrate-input-{_file_name(probe.key)}")
        run = Run(probe.case, capture, trace=TraceLevel.NONE, further=True)
        yield run, partial(_probed, subject, probe, capture)


def _file_name(name: str) -> str:
    return re.sub(r"\W+", "-", name)


def _from_the_golden(subject: _Subject, base: TensorFile, out: Path) -> Iterator[tuple[Run, Finish]]:
    """Say that this run is not the golden itself; where another machine explains it, count it as evidence."""
    there, here = subject.document.environment, subject.outcome.environment
    only_machine = _is_another_machine(there, here)
    subject.warnings.append(
        f"{subject.golden}: the unvaried run here differs from it, so the noise was measured around that run"
        + (" and between the two" if only_machine else "")
        + f"; see how: {command('verify', subject.case.id)}"
    )
    if not only_machine:
        return
    try:
        with TensorFile(subject.golden) as golden:
            subject.evidence[_OTHER_MACHINE] = moved_by(golden, base, limits.MACHINE, _OTHER_MACHINE)
            trace = read_trace(golden)
    except (Incomparable, UnreadableGolden) as error:
        subject.evidence[_OTHER_MACHINE] = Evidence(limits.MACHINE, _OTHER_MACHINE, Effect.FAILED, str(error))
        return
    if trace is not None and trace.index.level is TraceLevel.FULL:
        capture = capture_path(out, subject.case, "calibrate-machine-forced")
        run = Run(subject.case, capture, 1, TraceLevel.FULL, subject.golden, further=True)
        yield run, partial(_replayed, subject, _OTHER_MACHINE, subject.golden, capture)


def _is_another_machine(there: Environment, here: Environment) -> bool:
    """Whether the hardware alone differs, within a platform; the instruction sets go with it."""
    switches = replace(there.switches, cpu_capability=here.switches.cpu_capability)
    same_rest = same_software(there, here) and switches == here.switches
    apart = there.hardware != here.hardware
    return same_rest and apart and relation_between(there, here) is Relation.SAME_HARDWARE


def _varied(subject: _Subject, variation: Variation, capture: Path, outcome: Outcome) -> None:
    evidence = Evidence(variation.family, variation.name, Effect.COUNTED)
    if isinstance(outcome, Completed):
        try:
            evidence = _measured(subject, variation, capture)
        except (Incomparable, UnreadableGolden) as error:
            evidence = replace(evidence, effect=Effect.FAILED, reason=str(error))
    else:
        effect = Effect.SKIPPED if isinstance(outcome, Unavailable) else Effect.FAILED
        evidence = replace(evidence, effect=effect, reason=_why(outcome))
    subject.evidence[variation.name] = evidence


def _measured(subject: _Subject, variation: Variation, capture: Path) -> Evidence:
    with TensorFile(subject.base) as base, TensorFile(capture) as varied:
        found = moved_by(base, varied, variation.family, variation.name)
        idle = varied.document.perturbed == 0
    if found.effect is Effect.NONE or idle:
        return replace(found, effect=Effect.NONE, reason="no bit differs")
    return found if variation.counted else replace(found, effect=Effect.SKIPPED, reason=variation.why)


def _replayed(subject: _Subject, name: str, replayed: Path, capture: Path, outcome: Outcome) -> None:
    """Take down the boundaries of a forced replay of `replayed` for the evidence of that name."""
    if not isinstance(outcome, Completed):
        subject.boundaries[name] = f"forced replay: {_why(outcome)}"
        return
    try:
        subject.boundaries[name] = replay_noise(subject.case, replayed, capture)
    except (Incomparable, UnreadableGolden) as error:
        subject.boundaries[name] = str(error)


def _probed(subject: _Subject, probe: Probe, capture: Path, outcome: Outcome) -> None:
    # What cannot be run with another input tells nothing about the case.
    if isinstance(outcome, Completed):
        with suppress(UnreadableGolden):
            if same_outputs(subject.base, capture):
                subject.without_effect.append(probe.key)


def result_of(subject: _Subject) -> CalibrationResult:
    """The limits that the evidence of `subject` gives, kept beside its golden; or why there are none."""
    case = subject.case
    try:
        calibration = _calibration(subject)
        if not limits.counted(calibration.runs):
            reasons = "; ".join(dict.fromkeys(run.reason for run in calibration.runs if run.reason))
            return _error(case, f"no benign variation could be measured: {reasons}")
        path = write_calibration(subject.golden, calibration)
    except HarnessError as error:
        return _error(case, str(error))
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
    measured = [_with_boundaries(run, subject.boundaries.get(name)) for name, run in subject.evidence.items()]
    with TensorFile(subject.base) as base:
        found: Mapping[str, Scale] = scales(base)
        weaknesses: list[Weakness] = list(capture_weaknesses(base))
        trace = read_trace(base)
    boundary_floor = boundary_floors(trace) if trace else {}
    floor = floors(found)
    runs = limits.admitted(measured, floor, boundary_floor)
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


def _with_boundaries(run: Evidence, found: Mapping[str, float] | str | None) -> Evidence:
    if isinstance(found, str):
        return replace(run, reason=run.reason or found)
    return run if found is None or run.effect is not Effect.COUNTED else replace(run, boundaries=found)


def _nondeterministic(case: Case) -> CalibrationResult:
    reason = "nondeterministic: allow, so two runs differ by themselves and nothing can be measured"
    return CalibrationResult(case.id, CalibrationState.SKIPPED, said(reason), 0.0)


def _failure(case: Case, outcome: Lost | Raised | Unavailable) -> CalibrationResult:
    if isinstance(outcome, Unavailable):
        return CalibrationResult(case.id, CalibrationState.SKIPPED, said(outcome.reason), 0.0)
    if isinstance(outcome, Lost) and outcome.next_steps:
        return replace(_error(case, outcome.reason, outcome.next_steps), log=outcome.log)
    log = outcome.log if isinstance(outcome, Lost) else tuple(outcome.traceback.splitlines()[-12:])
    return replace(_error(case, f"the unvaried run failed: {_why(outcome)}"), log=log)


def _why(outcome: Lost | Raised | Unavailable) -> str:
    return f"raised {outcome.message}" if isinstance(outcome, Raised) else outcome.reason


def _error(case: Case, reason: str, next_steps: NextSteps = ()) -> CalibrationResult:
    return CalibrationResult(case.id, CalibrationState.ERROR, said(reason), 0.0, next_steps=next_steps)
