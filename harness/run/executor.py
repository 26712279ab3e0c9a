"""Where workers run: the seam between the pool, which hands out trials, and the processes that run them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO, Protocol

from harness.core.capture import Lost, Outcome
from harness.core.messages import Job, Progress, Ready
from harness.run.forks import ForkServers
from harness.run.process import NotSpawned, Process, WorkerProcess
from harness.run.starts import Failure
from harness.run.trial import Freshness, Trial

INTERRUPTED = Lost("interrupted")
"""The outcome of a start that the command itself cancelled."""


class Worker(Protocol):
    """Runs one job after another. Used from one thread; `kill` may be called from any thread."""

    @property
    def alive(self) -> bool:
        """Whether it can take another job."""

    @property
    def spent(self) -> bool:
        """Whether the last job left something behind that might affect the next one."""

    @property
    def was_killed(self) -> bool:
        """Whether something outside the harness killed it."""

    def fits(self, trial: Trial) -> bool:
        """Whether its process is of the kind that `trial` needs."""

    def wait_ready(self) -> Ready | Lost:
        """Wait until it has imported what jobs need; Lost if it cannot start."""

    def run(self, job: Job, on_progress: Callable[[Progress], None]) -> Outcome:
        """Run one job within the timeout of its case."""

    def close(self) -> None:
        """End it while it is idle."""

    def kill(self) -> None:
        """End it at once, along with everything it started."""


class Executor(Protocol):
    """Starts workers. Thread-safe."""

    def worker(self, trial: Trial, number: int) -> Worker:
        """A worker for trials like this one, number `number` in the pool; raises NotSpawned if none can be started."""

    def close(self) -> None:
        """End everything that is kept for starting workers; a start in progress fails."""


class LocalExecutor:
    """Workers as processes of this machine, with their logs under `logs`.

    A fresh process is forked, if that is safe, from a server that has imported what jobs need and computed
    nothing. Any other process is forked too if such a server already exists; otherwise it is spawned.
    """

    def __init__(self, device: str, logs: Path) -> None:
        self._device = device
        self._logs = logs
        self._servers = ForkServers(device, logs)
        self._closed = False

    def worker(self, trial: Trial, number: int) -> WorkerProcess:
        """A process for `trial`; raises NotSpawned."""
        variables, log = trial.process_variables(), self._logs / f"worker-{number}.log"
        return WorkerProcess(variables, self._device, log, partial(self._fork, trial), trial.python)

    def close(self) -> None:
        """End the fork servers; a worker that waits for one of them is not spawned instead."""
        self._closed = True
        self._servers.close()

    def _fork(self, trial: Trial, log: IO[bytes]) -> Process | None:
        variables = trial.process_variables()
        fresh = trial.freshness is Freshness.FRESH
        if trial.python is not None or not (fresh or self._servers.has(variables)):
            return None
        own = ":" in trial.case.pipeline  # the user's own code may compute something when it is imported
        worker = self._servers.worker(variables, log, () if own else (trial.case.pipeline,))
        if worker is None and self._closed:
            raise NotSpawned(INTERRUPTED)
        return worker


def begun(hire: Callable[[], Worker]) -> tuple[Worker, Ready] | Failure:
    """A worker that has started, with its first message; if it fails, no process is left behind."""
    try:
        worker = hire()
    except NotSpawned as error:
        return Failure(error.lost)
    try:
        ready = worker.wait_ready()
    except BaseException:
        worker.kill()
        raise
    if isinstance(ready, Ready):
        return worker, ready
    again = worker.was_killed
    worker.kill()
    return Failure(ready, again)
