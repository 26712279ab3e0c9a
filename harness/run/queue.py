"""Which worker gets which trial next, so that trials share processes and loaded pipelines."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from harness.codec import to_json
from harness.run.trial import Freshness, Trial


class Row(NamedTuple):
    """What trials share: the kind of process that they need, and the pipeline that it loads."""

    process: str
    pipeline: str
    whole: bool = False
    """Whether one worker runs the whole row."""


class TrialQueue:
    """Trials that wait for a worker. Thread-safe.

    Trials that need the same process, and within it the same pipeline, form a row. A worker gets trials from its
    current row until that is empty. Then it goes to the longest row left, preferably one that needs the same process,
    because starting a process takes longer than many runs. The trials of a case that need fresh processes form a row
    of their own.

    If trials are `followed`, `settle` may add another trial after each one that ends. It goes next, and until then
    the worker stays in the row, because it holds the pipeline that the next trial needs.
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
        """Add `trials`; all that were added before must have ended."""
        with self._changed:
            for trial in sorted(trials, key=lambda trial: (row_of(trial), trial.case.id, trial.number)):
                self._rows.setdefault(row_of(trial), []).append(trial)
            self._followed = followed
            self._changed.notify_all()

    def limit(self, workers: int) -> None:
        """From now on serve only workers with numbers below `workers`; `take` returns None to the others."""
        with self._changed:
            self._workers = workers
            self._current = {worker: row for worker, row in self._current.items() if worker < workers}
            self._changed.notify_all()

    def take(self, worker: int) -> Trial | None:
        """Wait for the next trial for worker number `worker`; None when there will be no more."""
        with self._changed:
            while not self._closed and worker < self._workers:
                if trial := self._next(worker):
                    return trial
                self._changed.wait()
            return None

    def offer(self, worker: int) -> Trial | None:
        """The next trial for worker number `worker`; None if there is none at the moment."""
        with self._changed:
            return None if self._closed else self._next(worker)

    def settle(self, trial: Trial, then: Trial | None) -> None:
        """Report that `trial` has ended, and which trial its worker runs next."""
        with self._changed:
            row = row_of(trial)
            self._unsettled[row] -= 1
            if then is not None:
                self._rows.setdefault(row, []).insert(0, then)
            self._changed.notify_all()

    def close(self) -> None:
        """Hand out no more trials, and release every waiting worker."""
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
        """The row that a worker continues with; None if there is none for it now."""
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
    """The row that a trial belongs to."""
    case = trial.case
    if trial.freshness is Freshness.FRESH:
        return Row("", case.id)
    process = f"{trial.python} {sorted(trial.process_variables().items(), key=str)!r}"
    pipeline = f"{case.pipeline} {case.base} {to_json(case.model)} {to_json(case.variant)}"
    return Row(process, pipeline, trial.freshness is Freshness.ONE_WORKER)
