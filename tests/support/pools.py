"""A pool without workers: every trial has an outcome at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import pytest

from harness.core.capture import Outcome
from harness.run.pool import Then
from harness.run.trial import Trial


@dataclass
class FakePool:
    """Stands in for `harness.run.pool.WorkerPool`; `outcome_of` makes up what comes of a trial.

    `conducted` are all trials in the order they were done, `jobs` how many workers each step was to have.
    """

    outcome_of: Callable[[Trial], Outcome]
    conducted: list[Trial] = field(default_factory=list)
    jobs: list[int] = field(default_factory=list)
    size: int = 0

    def __enter__(self) -> FakePool:
        return self

    def __exit__(self, *_ending: object) -> None:
        pass

    def conduct(
        self, trials: Iterable[Trial], jobs: int, then: Then | None = None
    ) -> Iterator[tuple[Trial, Outcome]]:
        waiting = list(trials)
        self.jobs += [jobs] if waiting else []
        while waiting:
            trial = waiting.pop(0)
            self.conducted.append(trial)
            outcome = self.outcome_of(trial)
            following = then(trial, outcome) if then else None
            waiting[:0] = [following] if following else []
            yield trial, outcome


def install(monkeypatch: pytest.MonkeyPatch, outcome_of: Callable[[Trial], Outcome]) -> FakePool:
    """Let every command of this process conduct its trials so."""
    pool = FakePool(outcome_of)
    monkeypatch.setattr("harness.trials.session.WorkerPool", lambda *_given: pool)
    return pool
