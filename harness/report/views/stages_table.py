"""The table of stages: how the error grew from call to call of each event, with a sparkline."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

from rich.console import Console
from rich.text import Text

from harness.core.results.explanation import GrowthRow
from harness.core.results.verdict import Divergence
from harness.core.trace import PIPELINE
from harness.report.details import Line
from harness.report.harmless import plain
from harness.report.paint import Sheet, painted
from harness.report.wording import number

HEADINGS = ("event", "stage", "calls", "from", "in", "first", "last", "growth")
"""`from` is the first call that differs, `in` the largest error of the calls' inputs."""

MOST_COLUMNS = 20
LEAST_COLUMNS = 10
"""The width of a curve if the console allows it, and if it does not."""

DECADES = (1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
"""The thresholds between the blocks of a curve."""

_BLOCKS, _IDENTICAL = "▁▂▃▄▅▆▇█", "·"
_ASCII_BLOCKS, _ASCII_IDENTICAL = "12345678", "."
_UNDEFINED = "?"

_INDENT = 2
_BETWEEN = 2
_BEGAN, _BEGAN_STYLE = "> ", "bold red"


def stage_lines(rows: Sequence[GrowthRow], divergence: Divergence | None, console: Console) -> list[Text]:
    """A row per event that differs, with a mark where it began, and one line for all bit-identical ones."""
    shown = [row for row in rows if not is_identical(row)]
    if not shown:
        return painted([Line("every event of the trace is bit-identical", _INDENT)] if rows else [], console)
    alike = ", ".join(_short(row) for row in rows if is_identical(row))
    lines = [*painted([_title(console)], console), *_sheet(shown, divergence, console)]
    return lines + painted([Line(f"bit-identical: {alike}", _INDENT)] if alike else [], console)


def is_identical(row: GrowthRow) -> bool:
    """Whether every call of the event has a counterpart with the same input and output bits."""
    return row.calls == row.calls_now and row.given == 0.0 and row.differing is None and not any(row.curve)


def sparkline(curve: Sequence[float | None], columns: int, *, ascii_only: bool) -> str:
    """The curve in at most `columns` characters, one block height per decade from 1e-8 to 1.

    A character shows the worst of its calls: undefined ranks highest, and identical appears only if all are.
    """
    width = min(columns, len(curve))
    edges = [place * len(curve) // width for place in range(width + 1)] if width else [0]
    bins = (curve[start:end] for start, end in pairwise(edges))
    return "".join(_mark(part, ascii_only) for part in bins)


def _mark(calls: Sequence[float | None], ascii_only: bool) -> str:
    known = [error for error in calls if error is not None]
    if len(known) < len(calls):
        return _UNDEFINED
    if not any(known):
        return _ASCII_IDENTICAL if ascii_only else _IDENTICAL
    return (_ASCII_BLOCKS if ascii_only else _BLOCKS)[bisect_right(DECADES, max(known))]


def _title(console: Console) -> Line:
    low, high, same = ("1", "8", ".") if console.options.ascii_only else ("▁", "█", "·")
    key = f"{low} below 1e-7, a step per decade, {high} from 0.1, {same} bit-identical"
    return Line(f"rel_l2 by call ({key}):", indent=_INDENT)


def _sheet(rows: Sequence[GrowthRow], divergence: Divergence | None, console: Console) -> list[Text]:
    began = divergence.event if divergence else None
    table = [_cells(row, began) for row in rows]
    wanted = min(MOST_COLUMNS, max(len(row.curve) for row in rows))
    wide = _room([HEADINGS, *table], console) >= max(wanted, len(HEADINGS[-1]))
    headings = HEADINGS if wide else _without_stage(HEADINGS)
    table = table if wide else [_without_stage(cells) for cells in table]
    columns = min(MOST_COLUMNS, max(LEAST_COLUMNS, _room([headings, *table], console)))
    sheet = Sheet(headings, right=["calls", "from", "in", "first", "last"], indent=_INDENT)
    stage = ""
    for row, cells in zip(rows, table, strict=True):
        if not wide and row.stage != stage:
            stage = row.stage
            sheet.span(Text(plain(stage).replace("\n", " "), style="dim"))
        curve = sparkline(row.curve, columns, ascii_only=console.options.ascii_only)
        style = _BEGAN_STYLE if row.event == began else ""
        sheet.add(*(Text(text.replace("\n", " "), style=style) for text in (*cells[:-1], curve)))
    return sheet.lines(console)


def _cells(row: GrowthRow, began: str | None) -> tuple[str, ...]:
    """The cells under the headings, with the curve left empty."""
    differs = row.differing is not None
    return (
        (_BEGAN if row.event == began else " " * len(_BEGAN)) + plain(row.event),
        plain(row.stage),
        str(row.calls) if row.calls == row.calls_now else f"{row.calls} -> {row.calls_now}",
        str(row.differing) if differs else "-",
        _number(row.given),
        _number(row.first) if differs else "-",
        _number(row.last) if row.curve else "-",
        "",
    )


def _without_stage(cells: tuple[str, ...]) -> tuple[str, ...]:
    return cells[:1] + cells[2:]


def _number(value: float | None) -> str:
    return _UNDEFINED if value is None else number(value, digits=1)


def _room(table: Sequence[tuple[str, ...]], console: Console) -> int:
    """The width that the other columns leave for the curves, which come last."""
    others = list(zip(*table, strict=True))[:-1]
    return console.width - _INDENT - sum(max(map(len, column)) + _BETWEEN for column in others)


def _short(row: GrowthRow) -> str:
    """The component name for its main call, `scheduler.set_timesteps` for other methods."""
    if row.component == PIPELINE:
        return plain(row.event)
    return plain(row.event.removesuffix(".forward").removesuffix(".__call__"))
