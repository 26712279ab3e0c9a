"""The warnings of `record` about cases that judge badly: rounding that grows too much, inputs without effect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from harness.core.capture import Completed
from harness.core.case import Case
from harness.core.measured.calibration import VariedRun
from harness.core.measured.limits import amplification
from harness.core.perturbation import Perturbation
from harness.core.trace import TraceLevel
from harness.errors import UnreadableGolden
from harness.golden.tensors import TensorFile
from harness.golden.trace import read_trace
from harness.judge.weaknesses import amplification_weakness, input_weaknesses
from harness.measure.noise import Incomparable
from harness.measure.variations import probes
from harness.measure.varied_runs import argument_shapes, moved_by, replay_noise, same_outputs
from harness.run.trial import Trial
from harness.trials.experiment import Experiment, Outcomes, conduct_all, with_replay
from harness.trials.session import Session

_ULP = Perturbation("benign.ulp", 1.0, 1)

_BASE, _PLAIN, _INPUT = "gate-base", "gate-ulp", "gate-input-"


@dataclass(slots=True)
class _Subject:
    """A recorded case, its capture with a full trace, and what its varied runs showed.

    `temporary` is whether the base was run only for this purpose.
    """

    case: Case
    base: Path
    temporary: bool = False
    moved: list[VariedRun] = field(default_factory=list)
    idle: list[str] = field(default_factory=list)


def weaknesses(recorded: Sequence[tuple[Case, Path]], session: Session) -> Mapping[str, tuple[str, ...]]:
    """Warnings by case id, from two runs with one-ulp noise and one run for each replaced input.

    `recorded` are the cases with their accepted captures. A run that fails or cannot be compared is left out: it
    says nothing about the case. Raises UnreadableGolden if an accepted capture has been damaged since.
    """
    # Nothing follows from two runs that differ anyway.
    cases = [(case, capture) for case, capture in recorded if not case.allow_nondeterministic]
    subjects = _with_full_traces(cases, session)
    planned = [(subject, list(_planned(subject, session))) for subject in subjects]
    found = dict[str, tuple[str, ...]]()
    for subject in conduct_all(session, [(subject, its) for subject, its in planned if its]):
        found[subject.case.id] = tuple(_warnings(subject))
        if subject.temporary:
            # Full traces of many cases are large: each is removed as soon as it is no longer needed.
            subject.base.unlink(missing_ok=True)
    return found


def _with_full_traces(cases: Sequence[tuple[Case, Path]], session: Session) -> list[_Subject]:
    """The cases; a case whose capture holds too little for a replay is run once more."""
    subjects = {case.id: _Subject(case, capture) for case, capture in cases}
    trials = [
        Trial(case, session.path(case, _BASE), trace=TraceLevel.FULL, further=True)
        for case, capture in cases
        if _level(capture) is not TraceLevel.FULL
    ]
    for trial, outcome in session.conduct(trials):
        if isinstance(outcome, Completed):
            subjects[trial.case.id] = _Subject(trial.case, trial.capture, temporary=True)
    return list(subjects.values())


def _level(capture: Path) -> TraceLevel | None:
    with TensorFile(capture) as file:
        trace = read_trace(file)
    return trace.index.level if trace else None


def _planned(subject: _Subject, session: Session) -> Iterator[Experiment]:
    case = subject.case
    with TensorFile(subject.base) as base:
        trace = read_trace(base)
    if trace is not None and trace.index.level is TraceLevel.FULL:
        trial = Trial(case, session.path(case, _PLAIN), 1, TraceLevel.FULL, perturbation=_ULP, further=True)
        yield Experiment(with_replay(trial, subject.base), partial(_moved, subject))
    for number, probe in enumerate(probes(case, argument_shapes(trace)), 2):
        capture = session.path(case, _INPUT + probe.key)
        trial = Trial(probe.case, capture, number, TraceLevel.NONE, further=True)
        yield Experiment((trial,), partial(_probed, subject, probe.key))


def _moved(subject: _Subject, outcomes: Outcomes) -> None:
    plain, forced = outcomes
    if not (isinstance(plain, Completed) and isinstance(forced, Completed)):
        return
    with suppress(Incomparable, UnreadableGolden):
        with TensorFile(subject.base) as base, TensorFile(Path(plain.path)) as varied:
            found = moved_by(base, varied, "ulp", _PLAIN)
        boundaries = replay_noise(subject.case, subject.base, Path(forced.path))
        subject.moved.append(replace(found, boundaries=boundaries))


def _probed(subject: _Subject, key: str, outcomes: Outcomes) -> None:
    [outcome] = outcomes
    with suppress(UnreadableGolden):
        if isinstance(outcome, Completed) and same_outputs(subject.base, Path(outcome.path)):
            subject.idle.append(key)


def _warnings(subject: _Subject) -> Iterator[str]:
    if subject.moved:
        yield from map(str, amplification_weakness(amplification(subject.moved)))
    yield from map(str, input_weaknesses(subject.idle))
