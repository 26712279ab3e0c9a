"""Lay out lines and columns for a terminal of a given width; rich measures and colours them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from harness.report.details import Line
from harness.report.harmless import plain

STYLES = {
    "identical": "green",
    "within": "green",
    "drifted": "bold red",
    "broken": "bold red",
    "stale": "bold yellow",
    "no-golden": "bold yellow",
    "skipped": "dim",
    "error": "bold magenta",
    "recorded": "green",
    "updated": "bold yellow",
    "proposed": "bold yellow",
    "left": "dim",
    "unchanged": "green",
    "kept": "dim",
    "nondeterministic": "bold red",
    "rejected": "bold red",
    "deterministic": "green",
    "not deterministic": "bold red",
    "none": "yellow",
    "unreadable": "bold magenta",
    "unusable": "bold magenta",
    "warning": "yellow",
    "fails": "bold red",
    "noted": "dim",
    "likely": "bold yellow",
    "possible": "yellow",
    "unlikely": "dim",
}
"""The colour of each verdict, state and mark."""

_GAP = 2
_INDENT = 2
_LEAST_WIDTH = 2


def word(verdict: str) -> Text:
    """A verdict or state in its colour."""
    return Text(verdict, style=STYLES.get(verdict, ""))


def painted(lines: Iterable[Line], console: Console) -> list[Text]:
    """The paragraphs wrapped at the console's width; overlong words are folded, and nothing is dropped."""
    return [text for line in lines for text in _paint(line, console)]


def _paint(line: Line, console: Console) -> list[Text]:
    text = Text(plain(line.text).replace("\n", " "))
    if line.verdict:
        text.stylize(STYLES.get(line.verdict, ""), 0, len(line.verdict))
    if line.whole:
        text.stylize("bold")
        return [Text(" " * line.indent) + text]
    if line.bold:
        text.stylize("bold")
    room = console.width - line.indent
    if text.cell_len <= room:
        return [Text(" " * line.indent) + text]
    # Continuation lines are indented further than the first line.
    first, *rest = _folded(text, room - line.hang, ahead=line.hang)
    margin = " " * line.indent
    return [Text(margin) + first, *(Text(margin + " " * line.hang) + part for part in rest)]


def _folded(text: Text, width: int, ahead: int = 0) -> list[Text]:
    """`text` in lines of at most `width` cells, the first with `ahead` extra cells; never empty."""
    lines = list(text.divide(_breaks(text.plain, max(width, _LEAST_WIDTH), ahead)))
    for line in lines:
        line.rstrip()
    return lines or [Text()]


def _breaks(text: str, width: int, ahead: int) -> list[int]:
    """Where to break `text`: between words, else between the parts of an id or path, else anywhere."""
    breaks: list[int] = []
    used, position = -ahead, 0
    for piece in _pieces(text, width):
        if position and used + cell_len(piece.rstrip()) > width:
            breaks.append(position)
            used = 0
        used += cell_len(piece)
        position += len(piece)
    return breaks


def _pieces(text: str, width: int) -> Iterator[str]:
    for word in re.findall(r"\s*\S+\s*|\s+", text):
        for part in (
            [word] if cell_len(word.rstrip()) <= width else re.findall(r"[^,@/]*[,@/]\s*|[^,@/]+", word)
        ):
            yield from [part] if cell_len(part.rstrip()) <= width else part


class Sheet:
    """Rows under headings, in columns as wide as their content if the console allows it.

    If the first cell is too long for its column, it gets its own line above the rest of the row, so that
    case ids stay whole; other cells fold. `right` names the right-aligned columns.
    """

    def __init__(self, headings: Sequence[str], *, right: Sequence[str] = (), indent: int = 0) -> None:
        self._headings = tuple(headings)
        self._right = {self._headings.index(name) for name in right}
        self._indent = indent
        self._rows: list[tuple[Text, ...]] = []

    def add(self, *cells: str | Text) -> None:
        """Add a row; plain strings lose whatever a terminal would take for a command."""
        self._rows.append(
            tuple(cell if isinstance(cell, Text) else Text(plain(cell).replace("\n", " ")) for cell in cells)
        )

    def span(self, line: Text) -> None:
        """Add a line across all columns."""
        self._rows.append((line,))

    def lines(self, console: Console) -> list[Text]:
        """The headings, a rule, and the rows; without headings only the rows."""
        width = console.width - self._indent
        head = tuple(Text(name, style="bold") for name in self._headings)
        rows = [head, *self._rows] if any(self._headings) else self._rows
        widths = _widths(rows, width)
        parts = [self._row(row, widths, width) for row in rows]
        if any(self._headings):
            parts.insert(1, [_rule(sum(widths) + _GAP * (len(widths) - 1), console)])
        lines = [_indented(line, self._indent) for part in parts for line in part]
        for line in lines:
            line.rstrip()
        return lines

    def _row(self, cells: Sequence[Text], widths: Sequence[int], width: int) -> list[Text]:
        first, *others = cells
        if others and first.cell_len <= widths[0]:
            return list(self._beside(cells, widths))
        own = self._own_lines(first, width)
        return [*own, *self._beside([Text(), *others], widths)] if any(map(len, others)) else own

    def _own_lines(self, first: Text, width: int) -> list[Text]:
        """An id across all columns; its continuation lines have the same indentation."""
        margin = len(first) - len(first.plain.lstrip())
        return [Text(" " * margin) + part for part in _folded(first[margin:], width - margin)]

    def _beside(self, cells: Sequence[Text], widths: Sequence[int]) -> Iterator[Text]:
        folded = [_folded(cell, width) for cell, width in zip(cells, widths, strict=True)]
        for pieces in zip_longest(*folded, fillvalue=Text()):
            aligned = [self._aligned(piece, place, widths[place]) for place, piece in enumerate(pieces)]
            line = Text(" " * _GAP).join(aligned)
            line.rstrip()
            yield line

    def _aligned(self, piece: Text, place: int, width: int) -> Text:
        padding = Text(" " * (width - piece.cell_len))
        return padding + piece if place in self._right else piece + padding


def _widths(rows: Sequence[Sequence[Text]], available: int) -> list[int]:
    """The column widths; the widest columns shrink until all fit, and the first column takes the rest."""
    full = [row for row in rows if len(row) > 1]
    columns = list(zip(*full, strict=True))
    others = [max(cell.cell_len for cell in column) for column in columns[1:]]
    room = available - _GAP * len(others) - _INDENT
    while sum(others) > max(room, _LEAST_WIDTH * len(others)):
        others[others.index(max(others))] -= 1
    left = available - sum(others) - _GAP * len(others)
    fitting = [cell.cell_len for cell in columns[0] if cell.cell_len <= left]
    # If few ids fit, everything but the headings moves to the left.
    return [max(fitting) if 2 * len(fitting) > len(full) else _INDENT, *others]


def _rule(length: int, console: Console) -> Text:
    return Text(("-" if console.options.ascii_only else "─") * length, style="dim")


def _indented(line: Text, indent: int) -> Text:
    return Text(" " * indent) + line if indent and len(line) else line
