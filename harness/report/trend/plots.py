"""Where the lines of a trend run: a value per night, against a linear or logarithmic axis, in pixels."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.report.wording import number

WIDTH, HEIGHT = 1000, 160
_TOP, _BOTTOM = 10, 10
_MOST_TICKS = 5

Values = Sequence[float | None]
"""One value for each night; None for a night without one."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A value on the axis, by its height."""

    y: float
    label: str


@dataclass(frozen=True, slots=True)
class Curve:
    """The values of one name: polylines through nights in a row, as SVG points. `number` chooses the colour."""

    name: str
    number: int
    lines: tuple[str, ...]
    last: str


@dataclass(frozen=True, slots=True)
class Plot:
    """Curves over nights, and the limits that they must stay below."""

    curves: tuple[Curve, ...]
    limits: tuple[Tick, ...]
    ticks: tuple[Tick, ...]


def x_of(night: float, nights: int) -> float:
    """Where a night is; the first one begins at 0, the last ends at WIDTH."""
    return round(WIDTH * night / max(nights, 1), 1)


def log_plot(values: Mapping[str, Values], limits: Mapping[str, float]) -> Plot | None:
    """Metrics on a logarithmic axis with their limits; zeros are at the bottom. None if every value is 0 or unknown."""
    found = [value for one in values.values() for value in one if value]
    if not found:
        return None
    shown = [*found, *(limit for limit in limits.values() if limit > 0)]
    low, high = math.floor(math.log10(min(shown))), math.ceil(math.log10(max(shown)) - 1e-9)
    high = max(high, low + 1)

    def y(value: float) -> float:
        share = (math.log10(value) - low) / (high - low) if value > 0 else 0.0
        return _y(share)

    step = max(1, math.ceil((high - low) / _MOST_TICKS))
    ticks = tuple(Tick(y(10.0**power), f"1e{power}") for power in range(low, high + 1, step))
    lines = tuple(Tick(y(limit), f"{name} {number(limit)}") for name, limit in limits.items() if limit > 0)
    return Plot(_curves(values, y), lines, ticks)


def linear_plot(name: str, values: Values) -> Plot | None:
    """One quantity from 0 on; None if no night has a value."""
    found = [value for value in values if value is not None]
    high = max(found, default=0.0)
    if not high:
        return None

    def y(value: float) -> float:
        return _y(value / high)

    return Plot(_curves({name: values}, y), (), (Tick(y(0.0), "0"), Tick(y(high), number(high, 3))))


def _y(share: float) -> float:
    return round(HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM), 1)


def _curves(values: Mapping[str, Values], y: Callable[[float], float]) -> tuple[Curve, ...]:
    return tuple(
        Curve(name, place, tuple(_lines(one, y)), number(_last(one)))
        for place, (name, one) in enumerate(values.items())
        if any(value is not None for value in one)
    )


def _last(values: Values) -> float | None:
    return next((value for value in reversed(values) if value is not None), None)


def _lines(values: Values, y: Callable[[float], float]) -> Iterator[str]:
    """Steps: a night's value holds from its beginning to its end. Nights without one leave a gap."""
    points = list[str]()
    for night, value in enumerate(values):
        if value is None:
            if points:
                yield " ".join(points)
            points = []
            continue
        height = y(value)
        ends = f"{x_of(night + 1, len(values))},{height}"
        same = points and points[-1].rpartition(",")[2] == str(height)
        points[-1:] = [ends] if same else [*points[-1:], f"{x_of(night, len(values))},{height}", ends]
    if points:
        yield " ".join(points)
