"""Where the lines of a growth curve run: the error of each event, call by call, in the order of the pipeline."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from harness.core.measured.calibration import Growth
from harness.core.results.explanation import GrowthRow
from harness.core.results.verdict import Divergence
from harness.core.trace import PIPELINE

HEIGHT = 200
_TOP, _BOTTOM, _LEFT, _RIGHT = 22, 30, 52, 12
_COLUMN = 76  # for an event that is called once
_LOOP = 300  # for those that are called in a loop
_MOST_COLUMNS = 4  # on each side of the loop
_MOST_LINES = 6
_MOST_TICKS = 6


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis, in pixels, and its label."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Dot:
    """One call: where, and what to say of it."""

    x: float
    y: float
    words: str


@dataclass(frozen=True, slots=True)
class Line:
    """The calls of one event: its name, the line through them, and a dot for each; `number` chooses the colour."""

    event: str
    number: int
    points: str
    dots: tuple[Dot, ...]
    label: Dot


@dataclass(frozen=True, slots=True)
class Chart:
    """A growth curve in pixels; `same` is the height of what is bit-identical, `benign` the areas of rounding.

    `began` is where the difference began, None if that is not in the picture. `loop` is where the loop begins and ends.
    """

    width: int
    height: int
    lines: tuple[Line, ...]
    benign: tuple[str, ...]
    y_ticks: tuple[Tick, ...]
    x_ticks: tuple[Tick, ...]
    same: float
    loop: tuple[float, float] | None
    began: Dot | None


@dataclass(frozen=True, slots=True)
class _Plane:
    """From calls and errors to pixels."""

    low: int
    high: int
    columns: dict[str, float]
    start: float
    stop: float
    calls: int

    def x(self, row: GrowthRow, call: int) -> float:
        if row.event in self.columns:
            return self.columns[row.event]
        share = call / (self.calls - 1) if self.calls > 1 else 0.5
        return round(self.start + share * (self.stop - self.start), 1)

    def y(self, error: float | None) -> float:
        room = HEIGHT - _TOP - _BOTTOM - 18
        if error == 0:
            return HEIGHT - _BOTTOM
        place = self.high if error is None else min(max(math.log10(error), self.low), self.high)
        return round(_TOP + room * (self.high - place) / max(1, self.high - self.low), 1)


def growth_chart(
    rows: Sequence[GrowthRow], divergence: Divergence | None, benign: Sequence[Growth] = ()
) -> Chart | None:
    """The chart of all events that differ; None if none does."""
    shown = [row for row in rows if row.curve and any(error != 0 for error in row.curve)]
    loops = [row for row in shown if len(row.curve) > 1][:_MOST_LINES]
    before, after = _around(shown, rows, loops)
    shown = [*before, *loops, *after]
    if not shown:
        return None
    plane, width = _plane(before, loops, after, benign)
    began = _began(shown, divergence, plane)
    return Chart(
        width,
        HEIGHT,
        tuple(_line(row, number, plane) for number, row in enumerate(shown)),
        tuple(_benign(shown, benign, plane)),
        tuple(Tick(plane.y(10.0**decade), f"1e{decade}") for decade in _decades(plane)),
        tuple(_x_ticks(before, loops, after, plane)),
        HEIGHT - _BOTTOM,
        (plane.start, plane.stop) if loops else None,
        began,
    )


def _around(
    shown: Sequence[GrowthRow], rows: Sequence[GrowthRow], loops: Sequence[GrowthRow]
) -> tuple[list[GrowthRow], list[GrowthRow]]:
    """The events that are called once, before the loop and after it."""
    order = {row.event: place for place, row in enumerate(rows)}
    first = min((order[row.event] for row in loops), default=len(rows))
    single = [row for row in shown if len(row.curve) == 1]
    before = [row for row in single if order[row.event] < first]
    after = [row for row in single if order[row.event] > first]
    return before[:_MOST_COLUMNS], after[:_MOST_COLUMNS]


def _plane(
    before: Sequence[GrowthRow],
    loops: Sequence[GrowthRow],
    after: Sequence[GrowthRow],
    benign: Sequence[Growth],
) -> tuple[_Plane, int]:
    curves = [row.curve for row in (*before, *loops, *after)] + [one.curve for one in benign]
    decades = [math.log10(error) for curve in curves for error in curve if error]
    low = max(math.floor(min(decades, default=-7)), -12)
    high = max(min(math.ceil(max(decades, default=0)), 4), low + 1)
    columns = {row.event: _LEFT + _COLUMN * (place + 0.5) for place, row in enumerate(before)}
    start = _LEFT + _COLUMN * len(before) + 16.0
    stop = start + (_LOOP if loops else 0)
    columns |= {row.event: stop + 16 + _COLUMN * (place + 0.5) for place, row in enumerate(after)}
    calls = max((len(row.curve) for row in loops), default=1)
    width = round(stop + 16 + _COLUMN * len(after) + _RIGHT)
    return _Plane(low, high, columns, start, stop, calls), max(width, 320)


def _line(row: GrowthRow, number: int, plane: _Plane) -> Line:
    places = [(plane.x(row, call), plane.y(error)) for call, error in enumerate(row.curve)]
    few = len(places) <= 60
    dots = tuple(
        Dot(x, y, f"{row.event}[{call}]: {_words(error)}")
        for (x, y), (call, error) in zip(places, enumerate(row.curve), strict=True)
        if few or call in (0, len(places) - 1)
    )
    x, y = places[-1]
    return Line(row.event, number, _points(places), dots, Dot(x, y, short(row)))


def _benign(shown: Sequence[GrowthRow], benign: Sequence[Growth], plane: _Plane) -> Iterator[str]:
    rows = {row.event: row for row in shown}
    for one in benign:
        row = rows.get(one.event)
        if row is not None and len(one.curve) > 1:
            known = [(call, error) for call, error in enumerate(one.curve) if error and call < plane.calls]
            edge = [(plane.x(row, call), plane.y(error)) for call, error in known]
            ground = [(place[0], plane.y(0.0)) for place in (*edge[-1:], *edge[:1])]
            yield _points([*edge, *ground])


def _x_ticks(
    before: Sequence[GrowthRow], loops: Sequence[GrowthRow], after: Sequence[GrowthRow], plane: _Plane
) -> Iterator[Tick]:
    yield from (Tick(plane.columns[row.event], short(row)) for row in (*before, *after))
    if loops:
        every = max(1, math.ceil(plane.calls / _MOST_TICKS))
        longest = max(loops, key=lambda row: len(row.curve))
        yield from (Tick(plane.x(longest, call), str(call)) for call in range(0, plane.calls, every))


def _began(shown: Sequence[GrowthRow], divergence: Divergence | None, plane: _Plane) -> Dot | None:
    row = next((row for row in shown if divergence and row.event == divergence.event), None)
    if row is None or divergence is None or divergence.index >= len(row.curve):
        return None
    error = row.curve[divergence.index]
    words = f"begins here: {divergence.event}[{divergence.index}]"
    return Dot(plane.x(row, divergence.index), plane.y(error), words)


def _decades(plane: _Plane) -> range:
    every = max(1, math.ceil((plane.high - plane.low) / _MOST_TICKS))
    return range(plane.high, plane.low - 1, -every)


def _points(places: Sequence[tuple[float, float]]) -> str:
    """The places as SVG writes them, without those in the middle of a level part."""
    kept = [place for place, (one, two) in enumerate(pairwise(places)) if place == 0 or one[1] != two[1]]
    kept = sorted({*kept, *(place + 1 for place in kept), len(places) - 1})
    return " ".join(f"{places[place][0]:g},{places[place][1]:g}" for place in kept if place < len(places))


def _words(error: float | None) -> str:
    if error is None:
        return "undefined"
    return "bit-identical" if error == 0 else f"rel_l2 {error:.2g}"


def short(row: GrowthRow) -> str:
    """The component for its main call, `scheduler.set_timesteps` for others."""
    if row.component == PIPELINE:
        return row.event
    return row.event.removesuffix(".forward").removesuffix(".__call__").removesuffix(".step")
