"""Which run goes next to which worker, so that processes and loaded pipelines are shared."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from harness.codec import to_json
from harness.core.case import Case
from harness.core.messages import Job
from harness.core.perturbation import Perturbation
from harness.core.trace import TraceLevel
from harness.run.variables import Variables, overridden_by, variables_for


@dataclass(frozen=True, slots=True)
class Run:
    """One run to do: the case, where its capture goes, and its number (from 1; 0 where a case runs once).

    `trace` is how much is recorded, the case's own level where it is None; `forced` the golden to replay;
    `perturbation` what is done differently on purpose; `variables` are set in the worker's environment
    beside those of the case, None unsets one. A `further` run is made beside the case's own: a variation, a
    replay, a try of a weak case.
    """

    case: Case
    capture: Path
    number: int = 0
    trace: TraceLevel | None = None
    forced: Path | None = None
    perturbation: Perturbation | None = None
    variables: Variables = field(default_factory=dict)
    further: bool = False

    def process_variables(self) -> Variables:
        """What its worker's process must have been started with."""
        return {**variables_for(self.case.determinism), **self.variables}

    def job(self) -> Job:
        """What the worker is told."""
        level = self.case.trace_level if self.trace is None else self.trace
        golden = str(self.forced.absolute()) if self.forced else None
        callers = overridden_by(self.process_variables())
        return Job(self.case, str(self.capture.absolute()), level, golden, self.perturbation, callers)


class Row(NamedTuple):
    """What runs share: the variables of their process, and the pipeline that it has loaded."""

    process: str
    pipeline: str


class RunQueue:
    """Runs waiting for a worker. Thread-safe.

    Runs that need the same process, and within it the same pipeline, stand in a row. A worker gets runs
    of the row it is in as long as there are some, then the start of the longest row left, of those that need
    the process it is if there are any: starting one takes longer than many a run. Where no process is `shared`,
    the runs of a case stand in a row.

    Where runs are `followed`, each that was taken may be followed by another one, which `settle` tells. It goes
    next, and until then no worker leaves the row: it holds the pipeline that the run after will want.
    """

    def __init__(self, runs: Sequence[Run], *, shared: bool = True, followed: bool = False) -> None:
        self._changed = threading.Condition()
        self._rows: dict[Row, list[Run]] = {}
        self._row_of = _row if shared else _row_of_its_own
        for run in sorted(runs, key=lambda run: (self._row_of(run), run.case.id, run.number)):
            self._rows.setdefault(self._row_of(run), []).append(run)
        self._current: dict[int, Row] = {}
        self._followed = followed
        self._unsettled = Counter[Row]()
        self._closed = False

    def take(self, worker: int) -> Run | None:
        """The next run for worker number `worker`; None when nothing is left."""
        with self._changed:
            row = self._current.get(worker)
            while row is not None and row not in self._rows and self._unsettled[row] and not self._closed:
                self._changed.wait()
            if self._closed or not (row := self._chosen(row)):
                return None
            self._current[worker] = row
            run = self._rows[row].pop(0)
            if not self._rows[row]:
                del self._rows[row]
            self._unsettled[row] += self._followed
            return run

    def settle(self, run: Run, then: Run | None) -> None:
        """Say that `run`, which was taken, has ended, and which run is to be done next by the worker that did it."""
        with self._changed:
            row = self._row_of(run)
            self._unsettled[row] -= 1
            if then is not None:
                self._rows.setdefault(row, []).insert(0, then)
            self._changed.notify_all()

    def close(self) -> None:
        """Give out nothing more, and keep no worker waiting."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _chosen(self, row: Row | None) -> Row | None:
        """The row that a worker in `row` goes on with; None where none is left."""
        if row in self._rows:
            return row
        taken = set(self._current.values())
        free = [key for key in self._rows if key not in taken] or list(self._rows)
        own = [key for key in free if row is not None and key.process == row.process]
        return max(own or free, key=lambda key: len(self._rows[key]), default=None)


def _row_of_its_own(run: Run) -> Row:
    return Row("", run.case.id)


def _row(run: Run) -> Row:
    case = run.case
    process = repr(sorted(run.process_variables().items(), key=str))
    return Row(process, f"{case.pipeline} {case.base} {to_json(case.model)} {to_json(case.variant)}")
