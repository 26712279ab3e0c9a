"""What a stage found, as rows of tables; written after every row, so that a stop keeps what was done."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

Cell = str | int | float | bool | None
Row = Mapping[str, Cell]

COMPLETE, OUT_OF_TIME, STOPPED, FAILED = "complete", "out of time", "stopped", "failed"
"""How a stage ended. One that was stopped from outside has left nothing but its rows."""


@dataclass
class Found:
    """The rows of one stage by table, and what failed; `saved` is called after every change."""

    stage: str
    saved: Callable[[Found], None] = lambda _found: None
    tables: dict[str, list[Row]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    state: str = STOPPED
    seconds: float = 0.0
    environment: Mapping[str, object] = field(default_factory=dict)

    def add(self, table: str, row: Row) -> None:
        """One more row."""
        self.tables.setdefault(table, []).append(row)
        self.saved(self)

    def fail(self, what: str) -> None:
        """Something that should not be so; one line."""
        self.failures.append(" ".join(what.split()))
        self.saved(self)

    def note(self, what: str) -> None:
        """Something that a reader of the tables must know; one line."""
        self.notes.append(" ".join(what.split()))
        self.saved(self)

    def document(self) -> dict[str, object]:
        """For JSON."""
        return {
            "stage": self.stage,
            "state": self.state,
            "seconds": round(self.seconds, 1),
            "failures": self.failures,
            "notes": self.notes,
            "environment": dict(self.environment),
            "tables": {name: [dict(row) for row in rows] for name, rows in self.tables.items()},
        }


def read(path: Path) -> Found:
    """What a stage left in `path`."""
    text = json.loads(path.read_text(encoding="utf-8"))
    return Found(
        text["stage"],
        tables=text["tables"],
        failures=text["failures"],
        notes=text["notes"],
        state=text["state"],
        seconds=text["seconds"],
        environment=text["environment"],
    )
