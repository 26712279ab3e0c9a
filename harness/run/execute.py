"""Run many cases over a few worker processes and hand out each outcome as it comes."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Protocol

from harness.core.capture import Lost, Outcome, Raised
from harness.core.case import Determinism
from harness.core.environment import Environment
from harness.core.messages import Progress, Ready
from harness.run.forks import ForkServers
from harness.run.process import NotSpawned, Process, WorkerProcess
from harness.run.queue import Run, RunQueue
from harness.run.starts import Failure, Starts
from harness.run.variables import variables_for


class Observer(Protocol):
    """Told what happens while runs are under way, from the threads that drive the workers."""

    def started(self, run: Run) -> None:
        """`run` was handed to a worker."""

    def progressed(self, run: Run, progress: Progress) -> None:
        """The pipeline of `run` reported its own progress."""

    def finished(self, run: Run, outcome: Outcome) -> None:
        """`run` came to an end."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """How runs are done: on which device, over how many workers, with their logs in which folder.

    `fresh` gives every run a process that none ran in before; `starts` is what the command knows of starting workers.
    """

    device: str
    jobs: int
    logs: Path
    fresh: bool = False
    starts: Starts = field(default_factory=Starts)


_ENDING_SECONDS = 5.0

Ended = tuple[Run, Outcome] | Exception
"""What a driver hands on: a run's outcome, or what went wrong in the driver itself."""


Then = Callable[[Run, Outcome], Run | None]
"""Which run is to follow one that has ended; None for none."""


def execute(
    runs: Sequence[Run], workshop: Workshop, observer: Observer, then: Then | None = None
) -> Iterator[tuple[Run, Outcome]]:
    """Do all `runs`; yields each with its outcome in the order they end.

    `then` is asked of each, in the caller's thread and before it is yielded, which run is to follow it: that is
    done next by the worker that has its pipeline, and yielded as well.

    A crash, a kill or a timeout costs only the run it befell; a worker that cannot begin is tried once for
    all runs that would have used it. Closing the iterator (also by an exception
    such as KeyboardInterrupt in the caller) kills every worker.
    """
    run_queue = RunQueue(runs, shared=not workshop.fresh, followed=then is not None)
    results = queue.SimpleQueue[Ended]()
    servers = ForkServers(workshop.device, workshop.logs) if workshop.fresh else None
    drivers = [
        _Driver(number, workshop, run_queue, observer, results, servers)
        for number in range(min(max(1, workshop.jobs), len(runs)))
    ]
    for driver in drivers:
        driver.start()
    try:
        left = len(runs)
        while left:
            result = results.get()
            if isinstance(result, Exception):
                raise result
            following = then(*result) if then else None
            if then:
                run_queue.settle(result[0], following)
            left += (following is not None) - 1
            yield result
    finally:
        run_queue.close()
        # The servers first: a driver that waits for one of them to begin cannot be stopped before.
        for driver in drivers:
            driver.abandon()
        if servers is not None:
            servers.close()
        for driver in drivers:
            driver.stop()
        for driver in drivers:
            # The worker that it dismissed is to be gone before the command is.
            driver.join(_ENDING_SECONDS)


def fingerprint(device: str, logs: Path, starts: Starts | None = None) -> Environment | Lost:
    """The environment of a worker on `device` before any case; Lost where no such worker comes up."""
    ready = first_word(Determinism(), device, logs, starts)
    return ready if isinstance(ready, Lost) else ready.environment or Lost(ready.reason)


def first_word(wished: Determinism, device: str, logs: Path, starts: Starts | None = None) -> Ready | Lost:
    """What a worker on `device`, with these switches, says once it has begun; Lost where none comes up."""
    variables, found = variables_for(wished), list[Ready]()

    def start() -> Failure | None:
        begun = _begun(lambda: WorkerProcess(variables, device, logs / "environment.log"))
        if isinstance(begun, Failure):
            return begun
        worker, ready = begun
        worker.kill()
        found.append(ready)
        return None

    return (starts or Starts()).attempt(variables, start) or found[0]


def _begun(hire: Callable[[], WorkerProcess]) -> tuple[WorkerProcess, Ready] | Failure:
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


_INTERRUPTED = Lost("interrupted")


class _Driver(threading.Thread):
    """Drives one worker at a time through the run_queue."""

    def __init__(
        self,
        number: int,
        workshop: Workshop,
        run_queue: RunQueue,
        observer: Observer,
        results: queue.SimpleQueue[Ended],
        servers: ForkServers | None,
    ) -> None:
        super().__init__(daemon=True)
        self._number = number
        self._workshop = workshop
        self._run_queue = run_queue
        self._observer = observer
        self._results = results
        self._servers = servers
        self._worker: WorkerProcess | None = None
        self._lock = threading.Lock()
        self._stopped = False

    def run(self) -> None:
        try:
            while not self._stopped and (run := self._run_queue.take(self._number)) is not None:
                self._observer.started(run)
                outcome = self._outcome(run)
                if self._stopped:
                    return
                self._observer.finished(run, outcome)
                self._results.put((run, outcome))
            self._dismiss()
        except Exception as error:
            self._results.put(error)

    def abandon(self) -> None:
        """Start no other worker."""
        self._stopped = True

    def stop(self) -> None:
        """Kill the worker and start no other."""
        self.abandon()
        with self._lock:
            if self._worker is not None:
                self._worker.kill()

    def _outcome(self, run: Run) -> Outcome:
        worker = self._hire(run)
        if isinstance(worker, Lost):
            return worker
        job = run.job()
        outcome = worker.run(job, lambda progress: self._observer.progressed(run, progress))
        if isinstance(outcome, Lost):
            # A worker that died has left behind what it was writing.
            with suppress(OSError):
                Path(job.spool).unlink(missing_ok=True)
        # A class that cannot be imported never ran, and is no other in a new worker.
        nothing_ran = isinstance(outcome, Lost) and bool(outcome.next_steps)
        failed = isinstance(outcome, Raised | Lost) and not nothing_ran
        if self._workshop.fresh or failed or worker.spent:
            # What an exception left undone (torch's default dtype, a broken CUDA context) must not reach other cases.
            self._dismiss()
        return outcome

    def _hire(self, run: Run) -> WorkerProcess | Lost:
        """The worker at hand if it serves, else a new one; Lost where none begins."""
        worker, variables = self._worker, run.process_variables()
        if worker is not None and worker.alive and worker.variables == variables:
            return worker
        self._dismiss()
        lost = self._workshop.starts.attempt(variables, partial(self._start, run))
        return lost or self._worker or _INTERRUPTED

    def _start(self, run: Run) -> Failure | None:
        """Bring up a worker; once stopped there is nothing to learn from what becomes of it."""
        begun = _begun(partial(self._spawn, run))
        if self._stopped:
            return Failure(_INTERRUPTED, interrupted=True)
        return begun if isinstance(begun, Failure) else None

    def _spawn(self, run: Run) -> WorkerProcess:
        variables = run.process_variables()
        log = self._workshop.logs / f"worker-{self._number}.log"
        with self._lock:
            if self._stopped:
                raise NotSpawned(_INTERRUPTED)
            self._worker = WorkerProcess(variables, self._workshop.device, log, partial(self._fork, run))
            return self._worker

    def _fork(self, run: Run, log: IO[bytes]) -> Process | None:
        """A worker that needs no start, where runs want fresh ones."""
        if self._servers is None:
            return None
        own = ":" in run.case.pipeline  # code of the user's own may compute when it is imported
        worker = self._servers.worker(run.process_variables(), log, () if own else (run.case.pipeline,))
        if worker is None and self._stopped:
            raise NotSpawned(_INTERRUPTED)
        return worker

    def _dismiss(self) -> None:
        with self._lock:
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.close()
