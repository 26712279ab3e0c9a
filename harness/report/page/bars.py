"""Where the bars of metrics end: each metric against its limit, in decades of error."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from harness.core.results.verdict import PASSES, TensorResult
from harness.core.tolerance import AT_LEAST, METRIC_TABLE
from harness.report.wording import against_limit, number

DECADES = 4
"""The axis runs from so many decades below the limit to as many above."""

_LOWEST = -8  # the decade where an axis without a limit begins; it ends at 1


@dataclass(frozen=True, slots=True)
class Bar:
    """One metric: places in percent of the axis; `limit` and `envelope` are None if there are none.

    `envelope` is what benign variations reach at most. `words` say the same.
    """

    metric: str
    meaning: str
    value: float
    limit: float | None
    envelope: float | None
    exceeds: bool
    words: str
    benign: str


def metric_bars(tensor: TensorResult, envelope: Mapping[str, float]) -> tuple[Bar, ...]:
    """A bar for each metric that has a limit or an envelope; for a bit-exact limit, for each that is not zero."""
    exact = not tensor.limits
    names = [
        name
        for name, value in tensor.metrics.items()
        if name in tensor.limits
        or (exact and (name in envelope or (value and name in ("max_abs", "rel_l2"))))
    ]
    return tuple(_bar(name, tensor, envelope.get(name)) for name in names)


def _bar(name: str, tensor: TensorResult, benign: float | None) -> Bar:
    value, limit = tensor.metrics.get(name), tensor.limits.get(name)
    known = METRIC_TABLE.get(name)
    failed = tensor.verdict not in PASSES
    beyond = _beyond(name, value, limit) if limit is not None else failed
    return Bar(
        name,
        known.meaning if known else "",
        _place(name, value, limit, failed),
        None if limit is None else 50.0,
        None if benign is None else _place(name, benign, limit, failed=False),
        beyond and failed,
        f"{name} {number(value)}, must be bit-identical"
        if limit is None
        else against_limit(name, value, limit),
        "" if benign is None else f"benign variations reach {number(benign)}",
    )


def _beyond(name: str, value: float | None, limit: float) -> bool:
    if value is None:
        return True
    return value < limit if name in AT_LEAST else value > limit


def _place(name: str, value: float | None, limit: float | None, failed: bool) -> float:
    """The percent of the axis at which a value lies; undefined ones of a failure lie at its end."""
    if value is None or not math.isfinite(value):
        return 100.0 if failed else 0.0
    if name in AT_LEAST:
        # Decibels are twenty to a decade of amplitude, and fewer are worse.
        return _percent((limit - value) / 20) if limit is not None else _absolute(-value / 20)
    if value <= 0:
        return 0.0
    if limit is None:
        return _absolute(math.log10(value))
    return _percent(math.log10(value / limit)) if limit > 0 else 100.0


def _percent(decades: float) -> float:
    return round(min(max(50 + 50 * decades / DECADES, 0.5), 100), 2)


def _absolute(decade: float) -> float:
    return round(min(max(100 * (decade - _LOWEST) / -_LOWEST, 0.5), 100), 2)
