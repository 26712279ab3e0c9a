"""Workers that start no process: every run gives a small capture at once, and what was asked of them is kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from harness.core.capture import Completed, Outcome, Unavailable
from harness.run.trial import Trial
from tests.golden.builders import environment, write_capture
from tests.support import pools
from tests.support.pools import FakePool
from tests.support.project import TWO_STEPS

UNTRACED = TWO_STEPS + "trace: none\n"
"""A case whose captures are whole without a trace, which these workers do not make."""


@dataclass
class FakeWorkers:
    """What the workers give: `value` is what every output holds; with `nowhere` no run can be done here.

    `pool` is what they stand in for, and keeps what was asked of it; `device` is the one that was asked for last.
    """

    value: float = 0.5
    nowhere: bool = False
    device: str = ""
    pool: FakePool = field(init=False)

    def outcome(self, trial: Trial) -> Outcome:
        """What comes of a trial."""
        if self.nowhere:
            return Unavailable("no such device")
        write_capture(trial.capture, {"images": np.float32([self.value, 0.25])}, case=trial.case)
        return Completed(str(trial.capture), environment(), 0.0)

    def cases(self) -> set[str]:
        """The ids of the cases that were run."""
        return {trial.case.id for trial in self.pool.conducted}


def install(monkeypatch: pytest.MonkeyPatch) -> FakeWorkers:
    """Let every command of this process run its cases so."""
    workers = FakeWorkers()
    workers.pool = pools.install(monkeypatch, workers.outcome)

    def executor(device: str, _logs: Path) -> None:
        workers.device = device

    monkeypatch.setattr("harness.trials.session.LocalExecutor", executor)
    monkeypatch.setattr("harness.trials.session.fingerprint", lambda *_given: environment())
    return workers
