"""The workers of one command: they run its trials, step after step, and keep loaded pipelines between steps."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from harness.core.capture import Lost, Outcome, Raised
from harness.core.messages import Progress
from harness.run.executor import INTERRUPTED, Executor, Worker, begun
from harness.run.process import NotSpawned
from harness.run.queue import TrialQueue
from harness.run.starts import Failure, Starts
from harness.run.trial import Freshness, Trial


class Observer(Protocol):
    """Notified while trials run, from the threads that drive the workers."""

    def started(self, trial: Trial) -> None:
        """`trial` was handed to a worker."""

    def progressed(self, trial: Trial, progress: Progress) -> None:
        """The pipeline of `trial` reported its own progress."""

    def finished(self, trial: Trial, outcome: Outcome) -> None:
        """`trial` ended."""


Ended = tuple[Trial, Outcome] | Exception
"""What a driver passes on: a trial's outcome, or an error in the driver itself."""

Then = Callable[[Trial, Outcome], Trial | None]
"""Returns the trial that follows one that has ended, or None."""

_ENDING_SECONDS = 5.0

_LOOK_SECONDS = 0.5
"""How long a signal may go unnoticed."""


class WorkerPool:
    """A context manager; leaving it, for whatever reason, kills every worker and starts no other.

    `starts` is what the command knows about starting workers.
    """

    def __init__(self, executor: Executor, observer: Observer, starts: Starts | None = None) -> None:
        self._executor = executor
        self._observer = observer
        self._starts = starts or Starts()
        self._queue = TrialQueue()
        self._results = queue.SimpleQueue[Ended]()
        self._drivers: list[_Driver] = []

    @property
    def size(self) -> int:
        """How many workers there are."""
        return len(self._drivers)

    def conduct(
        self, trials: Iterable[Trial], jobs: int, then: Then | None = None
    ) -> Iterator[tuple[Trial, Outcome]]:
        """Run all `trials` on up to `jobs` workers; yields each with its outcome, in the order in which they end.

        After each trial, `then` is called in the caller's thread, before the trial is yielded. It may return a trial
        that follows: the worker that has the pipeline runs it next, and it is yielded as well.

        A crash, a kill or a timeout affects only its own trial. If a worker cannot start, that is tried once for all
        trials that would have used it. Closing the iterator early closes the pool.
        """
        waiting = tuple(trials)
        if not waiting:
            return
        self._resize(min(max(1, jobs), max(len(waiting), self.size)))
        self._queue.add(waiting, followed=then is not None)
        try:
            yield from self._results_of(len(waiting), then)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Kill all workers and start no other."""
        self._queue.close()
        for driver in self._drivers:
            driver.abandon()
        # Before the workers: a driver that waits for one to start cannot be stopped.
        self._executor.close()
        ended, self._drivers = self._drivers, []
        _end(ended)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def _results_of(self, left: int, then: Then | None) -> Iterator[tuple[Trial, Outcome]]:
        while left:
            result = self._next_result()
            if isinstance(result, Exception):
                raise result
            following = then(*result) if then else None
            if then:
                self._queue.settle(result[0], following)
            left += (following is not None) - 1
            yield result

    def _next_result(self) -> Ended:
        # Never without an end: Python looks for signals between instructions, so one that arrives between the last
        # look and a call that blocks, or in another thread, would be answered only when that call returns.
        while True:
            with suppress(queue.Empty):
                return self._results.get(timeout=_LOOK_SECONDS)

    def _resize(self, count: int) -> None:
        """Set the number of workers; each starts when there is something for it to do."""
        self._queue.limit(count)
        retired, self._drivers = self._drivers[count:], self._drivers[:count]
        _end(retired)
        for number in range(self.size, count):
            driver = _Driver(number, self._executor, self._starts, self._queue, self._observer, self._results)
            self._drivers.append(driver)
            driver.start()


def _end(drivers: Sequence[_Driver]) -> None:
    for driver in drivers:
        driver.stop()
    for driver in drivers:
        # The worker that it dismissed must be gone before the command ends.
        driver.join(_ENDING_SECONDS)


class _Driver(threading.Thread):
    """Drives one worker at a time through the queue."""

    def __init__(
        self,
        number: int,
        executor: Executor,
        starts: Starts,
        trial_queue: TrialQueue,
        observer: Observer,
        results: queue.SimpleQueue[Ended],
    ) -> None:
        super().__init__(daemon=True)
        self._number = number
        self._executor = executor
        self._starts = starts
        self._queue = trial_queue
        self._observer = observer
        self._results = results
        self._worker: Worker | None = None
        self._lock = threading.Lock()
        self._stopped = False

    def run(self) -> None:
        try:
            while not self._stopped and (trial := self._queue.take(self._number)) is not None:
                self._observer.started(trial)
                outcome = self._outcome(trial)
                if self._stopped:
                    return
                self._observer.finished(trial, outcome)
                self._results.put((trial, outcome))
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

    def _outcome(self, trial: Trial) -> Outcome:
        worker = self._hire(trial)
        if isinstance(worker, Lost):
            return worker
        job = trial.job()
        outcome = worker.run(job, partial(self._observer.progressed, trial))
        if isinstance(outcome, Lost):
            # A worker that died leaves behind the file it was writing.
            with suppress(OSError):
                Path(job.spool).unlink(missing_ok=True)
        # A class that cannot be imported never ran, and a new worker could not import it either.
        nothing_ran = isinstance(outcome, Lost) and bool(outcome.next_steps)
        failed = isinstance(outcome, Raised | Lost) and not nothing_ran
        if trial.freshness is Freshness.FRESH or failed or worker.spent:
            # What an exception leaves behind (torch's default dtype, a broken CUDA context) must not reach other cases.
            self._dismiss()
        return outcome

    def _hire(self, trial: Trial) -> Worker | Lost:
        """The current worker if it fits, otherwise a new one; Lost if none starts."""
        worker, fresh = self._worker, trial.freshness is Freshness.FRESH
        if worker is not None and not fresh and worker.alive and worker.fits(trial):
            return worker
        self._dismiss()
        start = partial(self._start, trial)
        lost = self._starts.attempt(trial.process_variables(), start, trial.python)
        return lost or self._worker or INTERRUPTED

    def _start(self, trial: Trial) -> Failure | None:
        """Start a worker; after a stop, its failure says nothing about later starts."""
        started = begun(partial(self._spawn, trial))
        if self._stopped:
            return Failure(INTERRUPTED, interrupted=True)
        return started if isinstance(started, Failure) else None

    def _spawn(self, trial: Trial) -> Worker:
        with self._lock:
            if self._stopped:
                raise NotSpawned(INTERRUPTED)
            self._worker = self._executor.worker(trial, self._number)
            return self._worker

    def _dismiss(self) -> None:
        with self._lock:
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.close()
