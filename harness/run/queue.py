"""Which trial goes next to which worker, so that processes and loaded pipelines are shared."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from harness.codec import to_json
from harness.run.trial import Freshness, Trial


class Row(NamedTuple):
    """What trials share: the kind of process they need, and the pipeline that it has loaded."""

    process: str
    pipeline: str
    whole: bool = False
    """Whether one worker does all of the row."""


class TrialQueue:
    """Trials that wait for a worker. Thread-safe.

    Trials that need the same process, and within it the same pipeline, stand in a row. A worker gets trials
    of the row it is in as long as there are some, then the start of the longest row left, of those that need
    the process it is if there are any: starting a process takes longer than many a run. The trials of a case
    that want fresh processes stand in a row of their own.

    Where trials are `followed`, each that was taken may be followed by another one, which `settle` adds. It goes
    next, and until then no worker leaves the row: it holds the pipeline that the trial after will want.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._rows: dict[Row, list[Trial]] = {}
        self._current: dict[int, Row] = {}
        self._unsettled = Counter[Row]()
        self._followed = False
        self._workers = 0
        self._closed = False

    def add(self, trials: Iterable[Trial], *, followed: bool = False) -> None:
        """Have `trials` done; all that were added before have ended."""
        with self._changed:
            for trial in sorted(trials, key=lambda trial: (row_of(trial), trial.case.id, trial.number)):
                self._rows.setdefault(row_of(trial), []).append(trial)
            self._followed = followed
            self._changed.notify_all()

    def limit(self, workers: int) -> None:
        """From now on serve the workers numbered below `workers`; `take` sends the others away."""
        with self._changed:
            self._workers = workers
            self._current = {worker: row for worker, row in self._current.items() if worker < workers}
            self._changed.notify_all()

    def take(self, worker: int) -> Trial | None:
        """The next trial for worker number `worker`, as soon as there is one; None when no more will come for it."""
        with self._changed:
            while not self._closed and worker < self._workers:
                if trial := self._next(worker):
                    return trial
                self._changed.wait()
            return None

    def offer(self, worker: int) -> Trial | None:
        """The next trial for worker number `worker`; None when there is none at the moment."""
        with self._changed:
            return None if self._closed else self._next(worker)

    def settle(self, trial: Trial, then: Trial | None) -> None:
        """Report that `trial`, which was taken, has ended, and what its worker is to do next."""
        with self._changed:
            row = row_of(trial)
            self._unsettled[row] -= 1
            if then is not None:
                self._rows.setdefault(row, []).insert(0, then)
            self._changed.notify_all()

    def close(self) -> None:
        """Give out nothing more, and keep no worker waiting."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _next(self, worker: int) -> Trial | None:
        row = self._chosen(worker)
        if row is None:
            return None
        self._current[worker] = row
        trial = self._rows[row].pop(0)
        if not self._rows[row]:
            del self._rows[row]
        self._unsettled[row] += self._followed
        return trial

    def _chosen(self, worker: int) -> Row | None:
        """The row that a worker goes on with; None where there is none for it now."""
        row = self._current.get(worker)
        if row in self._rows:
            return row
        if row is not None and self._unsettled[row]:
            return None
        taken = {held for number, held in self._current.items() if number != worker}
        free = [key for key in self._rows if key not in taken]
        shared = free or [key for key in self._rows if not key.whole]
        own = [key for key in shared if row is not None and key.process == row.process]
        return max(own or shared, key=lambda key: len(self._rows[key]), default=None)


def row_of(trial: Trial) -> Row:
    """The row that a trial stands in."""
    case = trial.case
    if trial.freshness is Freshness.FRESH:
        return Row("", case.id)
    process = f"{trial.python} {sorted(trial.process_variables().items(), key=str)!r}"
    pipeline = f"{case.pipeline} {case.base} {to_json(case.model)} {to_json(case.variant)}"
    return Row(process, pipeline, trial.freshness is Freshness.ONE_WORKER)
