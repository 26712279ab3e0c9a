"""Which run goes next to which worker, so that processes and loaded pipelines are shared."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.codec import to_json
from harness.core.case import Case
from harness.run.variables import variables_for


@dataclass(frozen=True, slots=True)
class Run:
    """One run to do: the case, where its capture goes, and its number (from 1; 0 where a case runs once)."""

    case: Case
    capture: Path
    number: int = 0


class Agenda:
    """Runs waiting for a worker. Thread-safe.

    Runs that need the same process, and within it the same pipeline, stand in a row. A worker gets runs
    of the row it is in as long as there are some, then the start of the longest row left.
    """

    def __init__(self, runs: Sequence[Run]) -> None:
        self._lock = threading.Lock()
        self._rows: dict[Hashable, list[Run]] = {}
        for run in sorted(runs, key=lambda run: (_row(run), run.case.id, run.number)):
            self._rows.setdefault(_row(run), []).append(run)
        self._current: dict[int, Hashable] = {}

    def take(self, worker: int) -> Run | None:
        """The next run for worker number `worker`; None when nothing is left."""
        with self._lock:
            row = self._current.get(worker)
            if row not in self._rows:
                taken = set(self._current.values())
                free = [key for key in self._rows if key not in taken] or list(self._rows)
                if not free:
                    return None
                row = max(free, key=lambda key: len(self._rows[key]))
                self._current[worker] = row
            run = self._rows[row].pop(0)
            if not self._rows[row]:
                del self._rows[row]
            return run


def _row(run: Run) -> tuple[str, str]:
    case = run.case
    process = repr(sorted(variables_for(case.determinism).items(), key=str))
    return process, f"{case.pipeline} {case.base} {to_json(case.model)} {to_json(case.variant)}"
