"""The table of stages: how the error grew from call to call of every event."""

from __future__ import annotations

import math
from collections.abc import Mapping

from harness.core.measured.calibration import Calibration
from harness.core.measured.limits import BOUNDARY_FLOOR
from harness.core.results.explanation import GrowthRow
from harness.core.tolerance import Relation
from harness.explain.differences import Difference
from harness.explain.timeline import Timeline
from harness.judge.traces.stages import Role


def growth(line: Timeline) -> tuple[GrowthRow, ...]:
    """One row for each component-level event, in the order of their first calls.

    The distances are the estimates of `Trace.distances`.
    """
    names = dict.fromkeys(step.event.name for step in line.steps)
    return tuple(_row(line, name) for name in names)


Benign = Mapping[tuple[str, int], float]
"""The rel_l2 that rounding alone may cause in the outputs of an event, by its name and index."""


def benign_growth(calibration: Calibration | None, relation: Relation) -> Benign:
    """The error of the calibration's benign runs after each step, times its factor; empty without a calibration."""
    if calibration is None:
        return {}
    across = relation is Relation.CROSS_HARDWARE
    factor = calibration.cross_factor if across else calibration.factor
    return {
        (one.event, index): max(factor * value, BOUNDARY_FLOOR)
        for one in calibration.growth
        for index, value in enumerate(one.curve)
        if value is not None
    }


def _row(line: Timeline, name: str) -> GrowthRow:
    steps = [step for step in line.steps if step.event.name == name]
    first = steps[0]
    pairs = [step.difference for step in steps if step.difference is not None]
    ends = first.role in (Role.ARGUMENTS, Role.OUTPUT)
    errors = [_error(pair, ends) for pair in pairs]
    differing = next((place for place, error in enumerate(errors) if error != 0.0), None)
    curve = tuple(_finite(error) for error in errors)
    known = [error for error in curve if error is not None]
    return GrowthRow(
        name,
        first.event.signature.component,
        first.role.stage,
        calls=sum(step.item.golden is not None for step in steps),
        calls_now=sum(step.item.now is not None for step in steps),
        differing=differing,
        first=None if differing is None else curve[differing],
        worst=max(known, default=None),
        last=curve[-1] if curve else None,
        given=_finite(max((pair.error_in for pair in pairs), default=0.0)),
        curve=curve,
    )


def _error(pair: Difference, ends: bool) -> float:
    """The largest distance; infinite for tensors that must be equal but are not, or that cannot be compared."""
    slots = pair.inputs if ends else pair.outputs
    return max((math.inf if one.exact else one.rel_l2 for one in slots), default=0.0)


def _finite(error: float) -> float | None:
    return error if math.isfinite(error) else None
