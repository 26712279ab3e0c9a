"""What a worker reports before any case: its environment."""

from __future__ import annotations

from pathlib import Path

from harness.core.capture import Lost
from harness.core.case import Determinism
from harness.core.environment import Environment
from harness.core.messages import Ready
from harness.run.executor import begun
from harness.run.process import WorkerProcess
from harness.run.starts import Failure, Starts
from harness.run.variables import variables_for


def fingerprint(device: str, logs: Path, starts: Starts | None = None) -> Environment | Lost:
    """The environment of a worker on `device` before any case; Lost if no such worker starts."""
    ready = first_word(Determinism(), device, logs, starts)
    return ready if isinstance(ready, Lost) else ready.environment or Lost(ready.reason)


def first_word(wished: Determinism, device: str, logs: Path, starts: Starts | None = None) -> Ready | Lost:
    """The first message of a worker on `device` with these switches; Lost if no such worker starts."""
    variables, found = variables_for(wished), list[Ready]()

    def start() -> Failure | None:
        worker = begun(lambda: WorkerProcess(variables, device, logs / "environment.log"))
        if isinstance(worker, Failure):
            return worker
        worker[0].kill()
        found.append(worker[1])
        return None

    return (starts or Starts()).attempt(variables, start) or found[0]
