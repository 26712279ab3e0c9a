"""Trials that mean something only together: a run and its replay, two recordings, a series of repetitions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from harness.core.capture import Outcome
from harness.core.trace import TraceLevel
from harness.run.trial import Trial
from harness.trials.session import Session

Subject = TypeVar("Subject")

Outcomes = Sequence[Outcome]
"""The outcomes of the trials of an experiment, in their order."""


@dataclass(frozen=True, slots=True, eq=False)
class Experiment:
    """Some trials, and the conclusion drawn from their outcomes as soon as all have ended.

    The captures are then removed unless they are `kept`: full traces of many variations are large.
    """

    trials: tuple[Trial, ...]
    conclude: Callable[[Outcomes], None]
    kept: bool = False


def with_replay(trial: Trial, base: Path) -> tuple[Trial, Trial]:
    """The trial, and the same trial under forced replay of `base`, whose capture goes next to its own."""
    capture = trial.capture.with_stem(f"{trial.capture.stem}-forced")
    return trial, replace(trial, capture=capture, trace=TraceLevel.FULL, forced=base)


def conduct_all(
    session: Session, planned: Iterable[tuple[Subject, Iterable[Experiment]]]
) -> Iterator[Subject]:
    """Conduct the experiments on all subjects with shared workers; yields each subject after its last conclusion."""
    subjects, experiments = list[Subject](), list[list[Experiment]]()
    for subject, its in planned:
        subjects.append(subject)
        experiments.append(list(its))
    yield from (subject for subject, its in zip(subjects, experiments, strict=True) if not its)
    place_of = {
        trial.capture: (place, one)
        for place, its in enumerate(experiments)
        for one in its
        for trial in one.trials
    }
    done = dict[Path, Outcome]()
    for trial, outcome in session.conduct(
        [trial for its in experiments for one in its for trial in one.trials]
    ):
        place, experiment = place_of[trial.capture]
        done[trial.capture] = outcome
        if not all(one.capture in done for one in experiment.trials):
            continue
        experiment.conclude([done.pop(one.capture) for one in experiment.trials])
        if not experiment.kept:
            for one in experiment.trials:
                one.capture.unlink(missing_ok=True)
        experiments[place].remove(experiment)
        if not experiments[place]:
            yield subjects[place]
