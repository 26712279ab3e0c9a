"""Workers that start no process: every run gives a small capture at once, and what was asked of them is kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from harness.core.capture import Completed, Outcome, Unavailable
from harness.run.execute import Observer, Then, Workshop
from harness.run.queue import Run
from tests.golden.builders import environment, write_capture
from tests.support.project import TWO_STEPS

UNTRACED = TWO_STEPS + "trace: none\n"
"""A case whose captures are whole without a trace, which these workers do not make."""


@dataclass
class FakeWorkers:
    """Stands in for `harness.run.execute.execute`; `value` is what every output holds.

    With `nowhere` no run can be done here.
    """

    value: float = 0.5
    nowhere: bool = False
    runs: list[Run] = field(default_factory=list)
    workshops: list[Workshop] = field(default_factory=list)

    def execute(
        self, runs: Sequence[Run], workshop: Workshop, _observer: Observer, then: Then | None = None
    ) -> Iterator[tuple[Run, Outcome]]:
        self.workshops.append(workshop)
        waiting = list(runs)
        while waiting:
            run = waiting.pop(0)
            self.runs.append(run)
            outcome = self._outcome(run)
            following = then(run, outcome) if then else None
            waiting[:0] = [following] if following else []
            yield run, outcome

    def _outcome(self, run: Run) -> Outcome:
        if self.nowhere:
            return Unavailable("no such device")
        write_capture(run.capture, {"images": np.float32([self.value, 0.25])}, case=run.case)
        return Completed(str(run.capture), environment(), 0.0)

    def cases(self) -> set[str]:
        """The ids of the cases that were run."""
        return {run.case.id for run in self.runs}


def install(monkeypatch: pytest.MonkeyPatch) -> FakeWorkers:
    """Let every command of this process run its cases so."""
    workers = FakeWorkers()
    monkeypatch.setattr("harness.trials.conduct.execute", workers.execute)
    monkeypatch.setattr("harness.commands.record.fingerprint", lambda *_given: environment())
    return workers
