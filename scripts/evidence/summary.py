"""The summary of all stages, as JSON and as text."""

from __future__ import annotations

from collections.abc import Mapping

from scripts.evidence.bench import Bench
from scripts.evidence.found import Cell, Found, Row

SCHEMA = 1


def document(bench: Bench, found: Mapping[str, Found]) -> dict[str, object]:
    """Everything that was found, for JSON; the tables of docs/gpu.md come from it."""
    stages = {name: one.document() for name, one in found.items()}
    return {"schema": SCHEMA, "device": bench.device, "short": bench.short, "stages": stages}


def text(bench: Bench, found: Mapping[str, Found]) -> str:
    """What ran, how long, what failed, and all tables."""
    lines = [f"device {bench.device}{', short' if bench.short else ''}"]
    for name, one in found.items():
        lines += ["", f"{name}: {one.state}, {one.seconds:.0f} s, {len(one.failures)} failed"]
        lines += [f"  failed: {failure}" for failure in one.failures]
        lines += [f"  note: {note}" for note in one.notes]
        for title, rows in one.tables.items():
            lines += ["", *(f"  {line}" for line in table(title, rows))]
    return "\n".join(lines)


def table(title: str, rows: list[Row]) -> list[str]:
    """The lines of a table with its title."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [names, *([shown(row.get(name)) for name in names] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(names))]
    padded = (
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in cells
    )
    return [title, *(line.rstrip() for line in padded)]


def shown(cell: Cell) -> str:
    """A cell as text."""
    if cell is None:
        return "-"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return f"{cell:.3g}"
    return " ".join(str(cell).split())
