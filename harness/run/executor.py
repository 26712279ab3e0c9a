"""Where workers run: the seam between the pool, which hands out trials, and the processes that do them."""

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
"""What becomes of a start that the command itself ended."""


class Worker(Protocol):
    """Does one job after the other. Used from one thread; `kill` may be called from any."""

    @property
    def alive(self) -> bool:
        """Whether it can take another job."""

    @property
    def spent(self) -> bool:
        """Whether the last job left something behind that might reach the next one."""

    @property
    def was_killed(self) -> bool:
        """Whether somebody else killed it."""

    def fits(self, trial: Trial) -> bool:
        """Whether its process is of the kind that `trial` needs."""

    def wait_ready(self) -> Ready | Lost:
        """Wait until it has imported what jobs need; Lost when it cannot begin."""

    def run(self, job: Job, on_progress: Callable[[Progress], None]) -> Outcome:
        """Do one job within the timeout of its case."""

    def close(self) -> None:
        """End it when it is idle."""

    def kill(self) -> None:
        """End it at once, with whatever it started."""


class Executor(Protocol):
    """Brings up workers. Thread-safe."""

    def worker(self, trial: Trial, number: int) -> Worker:
        """A worker for trials like this one, the pool's number `number`; raises NotSpawned where there can be none."""

    def close(self) -> None:
        """End what is kept to bring up workers; a start under way comes to nothing."""


class LocalExecutor:
    """Workers as processes of this machine, with their logs under `logs`.

    A fresh process is forked, where that is safe, from a server that has imported what jobs need and computed
    nothing; any other is forked as well if such a server is there already, and else started.
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
        """End the fork servers; a worker that waits for one of them is not started instead."""
        self._closed = True
        self._servers.close()

    def _fork(self, trial: Trial, log: IO[bytes]) -> Process | None:
        variables = trial.process_variables()
        fresh = trial.freshness is Freshness.FRESH
        if trial.python is not None or not (fresh or self._servers.has(variables)):
            return None
        own = ":" in trial.case.pipeline  # code of the user's own may compute when it is imported
        worker = self._servers.worker(variables, log, () if own else (trial.case.pipeline,))
        if worker is None and self._closed:
            raise NotSpawned(INTERRUPTED)
        return worker


def begun(hire: Callable[[], Worker]) -> tuple[Worker, Ready] | Failure:
    """A worker that has begun, with its first word; none is left behind otherwise."""
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
