"""Turns the evidence of benign runs into limits: envelopes, the factor's false alarms, the amplification.

A limit is a factor times the envelope, the largest value of a metric over all benign runs. The factors are
tested on the evidence itself: each family of variations is left out in turn, limits are derived from the
others, and every run of that family that exceeds one counts as a false alarm.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest

from harness.core.measured.calibration import Effect, Growth, LeftOut, OutputLimits, VariedRun
from harness.core.tolerance import Limits

JUDGED = ("max_abs", "rel_l2")
"""The metrics that get limits; the share of unequal elements and ulps separate noise from faults poorly."""

FACTOR = 3.0
"""Above the envelope, for the same hardware with other software."""

CROSS_FACTOR = 10.0
"""Above the envelope, for other hardware: an extrapolation, because no other hardware was measured."""

MAX_ABS_FACTOR = 5.0
"""Replaces FACTOR for max_abs, and scales CROSS_FACTOR in proportion.

One element decides max_abs, and extremes vary more: over the shipped cases as first recorded, a family left out
reached 4.0 x the envelope of the others in max_abs, 2.9 x in rel_l2.
"""

BOUNDARY_FLOOR = 1e-6
"""The lower bound of a boundary's limit; `boundary_floors` gives higher ones."""

MACHINE = "machine"
"""The family without a variation: the distance between the golden and the unvaried run if another machine of its
platform recorded it with the same software."""

COMBINED: Mapping[str, tuple[str, ...]] = {
    "old-cpu": ("threads", "cpu-capability", "onednn", "mkl"),
    "native": ("cpu-capability", "onednn", "mkl"),
    MACHINE: ("cpu-capability", "onednn", "mkl"),
}
"""Families that combine others: if one of those is left out, these must be left out as well."""

Envelope = Mapping[str, Mapping[str, float]]
"""The largest value of each judged metric, by output."""


def counted(runs: Iterable[VariedRun]) -> tuple[VariedRun, ...]:
    """The runs that are evidence."""
    return tuple(run for run in runs if run.effect is Effect.COUNTED)


def admitted(
    runs: Sequence[VariedRun], floor: Envelope, boundary_floor: Mapping[str, float]
) -> tuple[VariedRun, ...]:
    """The runs; the distance of the golden's machine counts only if the other runs make it credible.

    If it exceeds the limits of an output or a boundary that the other runs lead to, it may be a defect of either
    machine, and no limits follow from it.
    """
    others = [run for run in runs if run.family != MACHINE]
    return tuple(
        _admitted(run, others, floor, boundary_floor) if run.family == MACHINE else run for run in runs
    )


def envelope(runs: Iterable[VariedRun]) -> Envelope:
    """The largest value of each judged metric over the counted runs; a metric undefined in any run has none."""
    worst: dict[str, dict[str, float]] = {}
    for run in counted(runs):
        for noise in run.outputs:
            values = worst.setdefault(noise.output, {})
            for metric in JUDGED:
                value = noise.metrics.get(metric)
                values[metric] = max(values.get(metric, 0.0), math.inf if value is None else value)
    return {
        output: {metric: value for metric, value in values.items() if math.isfinite(value)}
        for output, values in worst.items()
    }


def output_limits(
    runs: Sequence[VariedRun], floor: Envelope, *, max_abs_factor: float = MAX_ABS_FACTOR
) -> tuple[OutputLimits, ...]:
    """The limits of every output, from all counted runs."""
    found = envelope(runs)

    def limits(output: str, factor: float) -> Limits:
        return Limits(**_limits(found.get(output, {}), floor[output], factor, max_abs_factor / FACTOR))

    return tuple(
        OutputLimits(
            output, found.get(output, {}), lowest, limits(output, FACTOR), limits(output, CROSS_FACTOR)
        )
        for output, lowest in floor.items()
    )


def left_out(
    runs: Sequence[VariedRun], floor: Envelope, boundary_floor: Mapping[str, float]
) -> tuple[LeftOut, ...]:
    """Each family judged by limits derived without it."""
    families = dict.fromkeys(run.family for run in counted(runs))
    return tuple(_left_out(family, counted(runs), floor, boundary_floor) for family in families)


def boundary_envelope(runs: Iterable[VariedRun]) -> Mapping[str, float]:
    """The largest rel_l2 of each boundary over the counted runs."""
    worst: dict[str, float] = {}
    for run in counted(runs):
        for event, value in run.boundaries.items():
            worst[event] = max(value, worst.get(event, 0.0))
    return worst


def boundary_limits(found: Mapping[str, float], floor: Mapping[str, float]) -> Mapping[str, float]:
    """The limit of each boundary: FACTOR times the envelope, but at least its floor or BOUNDARY_FLOOR."""
    return {
        event: max(_short(FACTOR * value), floor.get(event, BOUNDARY_FLOOR)) for event, value in found.items()
    }


def amplification(runs: Iterable[VariedRun]) -> float | None:
    """The largest rel_l2 at the end over the largest of a single call; None if either is missing."""
    replayed = [run for run in counted(runs) if run.boundaries]
    once = max((value for run in replayed for value in run.boundaries.values()), default=0.0)
    ends = [noise.metrics.get("rel_l2") for run in replayed for noise in run.outputs]
    end = max((value for value in ends if value is not None), default=0.0)
    return float(f"{end / once:.3g}") if once > 0 else None


def envelope_growth(runs: Iterable[VariedRun]) -> tuple[Growth, ...]:
    """The largest error after each step over the counted runs, by scheduler event."""
    curves: dict[str, list[tuple[float | None, ...]]] = {}
    for run in counted(runs):
        for one in run.growth:
            curves.setdefault(one.event, []).append(one.curve)
    return tuple(
        Growth(event, tuple(_largest(column) for column in zip_longest(*found, fillvalue=0.0)))
        for event, found in curves.items()
    )


def _largest(values: Iterable[float | None]) -> float | None:
    known = [math.inf if value is None else value for value in values]
    largest = max(known)
    return largest if math.isfinite(largest) else None


def _limits(
    found: Mapping[str, float],
    floor: Mapping[str, float],
    factor: float,
    wider: float = MAX_ABS_FACTOR / FACTOR,
) -> dict[str, float]:
    """A limit for every metric that has a floor and, if noise was measured, an envelope.

    The limit of max_abs is multiplied by `wider`.
    """
    known = {metric: found.get(metric, 0.0) for metric in floor if not found or metric in found}
    times = {"max_abs": wider}
    return {
        metric: _short(max(factor * times.get(metric, 1.0) * value, floor[metric]))
        for metric, value in known.items()
    }


def _short(value: float) -> float:
    """Three digits, never below `value`."""
    short = float(f"{value:.2e}")
    return short if short >= value else float(f"{value * 1.005:.2e}")


def _admitted(
    run: VariedRun, others: Sequence[VariedRun], floor: Envelope, boundary_floor: Mapping[str, float]
) -> VariedRun:
    if run.effect is not Effect.COUNTED:
        return run
    shares = {"an output": _ratio(run, envelope(others), floor) / FACTOR}
    for value, limit in _against(run.boundaries, boundary_envelope(others), boundary_floor):
        shares["a boundary"] = max(shares.get("a boundary", 0.0), value / limit)
    where, share = max(shares.items(), key=lambda item: item[1])
    if share <= 1:
        return run
    reason = f"{where} is {share:.2g} x the limit that all others lead to, too large to be rounding"
    return replace(run, effect=Effect.SKIPPED, reason=reason)


def _left_out(
    family: str, runs: Sequence[VariedRun], floor: Envelope, boundary_floor: Mapping[str, float]
) -> LeftOut:
    judged = [run for run in runs if run.family == family]
    others = [run for run in runs if run.family != family and family not in COMBINED.get(run.family, ())]
    found = envelope(others)
    ratios = [_ratio(run, found, floor) for run in judged]
    alarms = sum(ratio > FACTOR for ratio in ratios)
    once = boundary_envelope(others)
    exceeded = [
        any(value > limit for value, limit in _against(run.boundaries, once, boundary_floor))
        for run in judged
    ]
    ratio = max(ratios, default=0.0)
    known = float(f"{ratio:.3g}") if math.isfinite(ratio) else None
    return LeftOut(family, len(judged), alarms, sum(exceeded), known)


def _against(
    values: Mapping[str, float], found: Mapping[str, float], floor: Mapping[str, float]
) -> Iterator[tuple[float, float]]:
    """Each value of a run with the limit that `found` leads to."""
    limits = boundary_limits({event: found.get(event, 0.0) for event in values}, floor)
    yield from ((value, limits[event]) for event, value in values.items())


def _ratio(run: VariedRun, found: Envelope, floor: Envelope) -> float:
    """The worst share of a limit, times FACTOR: the worst value over the envelope, with max_abs scaled."""
    worst = 0.0
    for noise in run.outputs:
        lowest = floor.get(noise.output, {})
        for metric, limit in _limits(found.get(noise.output, {}), lowest, FACTOR).items():
            value = noise.metrics.get(metric)
            value = math.inf if value is None else value
            worst = max(worst, FACTOR * value / limit if limit else (math.inf if value else 0.0))
    return worst
