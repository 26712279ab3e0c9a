"""Compare a varied run with the unvaried one: its outputs, its scheduler steps, its boundaries."""

from __future__ import annotations

import math
from collections.abc import Mapping

from harness.core.capture import OUTPUT_PREFIX
from harness.core.measured.calibration import Growth, OutputNoise
from harness.core.results.verdict import Verdict
from harness.core.tolerance import Relation
from harness.core.trace import Event
from harness.errors import HarnessError
from harness.golden.tensors import TensorFile, numpy_dtype
from harness.golden.trace import Trace
from harness.judge.outputs.metrics import measure
from harness.judge.traces.boundaries import judge_boundaries, rel_l2
from harness.judge.traces.exact import component_events
from harness.judge.traces.stages import Role, role_of

DIGITS = 3
"""Significant digits of the numbers that are stored as evidence."""


class Incomparable(HarnessError):
    """There is no distance between the varied and the unvaried run; the message says why."""


def output_noise(base: TensorFile, varied: TensorFile) -> tuple[OutputNoise, ...]:
    """Every metric of every numeric output.

    Raises Incomparable if outputs, shapes, dtypes or texts differ, or if only one side has a NaN or Inf.
    """
    if _outputs(base).keys() != _outputs(varied).keys() or base.document.absent != varied.document.absent:
        raise Incomparable(f"it returns {', '.join(_outputs(varied)) or 'nothing'}")
    return tuple(
        _noise(name, base, varied) for name in _outputs(base) if not _is_equal_text(name, base, varied)
    )


def moved(base: TensorFile, varied: TensorFile, ours: Trace | None, theirs: Trace | None) -> bool:
    """Whether any bit of an output, or of a tensor that flowed between components, differs."""
    digests = base.document.sha256, varied.document.sha256
    if any(digests[0][name] != digests[1].get(name) for name in _outputs(base)):
        return True
    if ours is None or theirs is None:
        return False
    there = {event.key: event for event in component_events(theirs)}
    return any(
        (other := there.get(event.key)) is None or not _same(ours, event, theirs, other)
        for event in component_events(ours)
    )


def growth(base: Trace, varied: Trace) -> tuple[Growth, ...]:
    """The error after every step of every scheduler; steps whose shapes differ are left out."""
    there = {event.key: event for event in component_events(varied)}
    curves: dict[str, list[float | None]] = {}
    for event in component_events(base):
        other = there.get(event.key)
        if other is not None and _is_step(base, event) and event.outputs and _alike(event, other):
            slot, row = event.signature.outputs[0], event.outputs[0]
            distance, _ = rel_l2(base, row, slot, varied, other.outputs[0])
            curves.setdefault(event.name, []).append(rounded(distance))
    return tuple(Growth(event, tuple(curve)) for event, curve in curves.items())


def boundary_noise(base: Trace, forced: Trace, *, seeded: bool) -> Mapping[str, float]:
    """The largest rel_l2 of every boundary of a forced replay of `base`, by event name.

    Raises Incomparable if a boundary cannot be compared.
    """
    worst: dict[str, float] = {}
    for boundary in judge_boundaries(base, forced, Relation.SAME_HARDWARE, seeded=seeded):
        exact = boundary.verdict is not Verdict.IDENTICAL and boundary.rel_l2 is None
        if exact or boundary.verdict is Verdict.BROKEN:
            raise Incomparable(f"forced replay: {boundary.event}[{boundary.index}] cannot be compared")
        known = rounded(boundary.rel_l2 or 0.0) or 0.0
        worst[boundary.event] = max(known, worst.get(boundary.event, 0.0))
    return worst


def rounded(value: float) -> float | None:
    """`value` rounded to DIGITS significant digits; None if it is not finite."""
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None


def _outputs(file: TensorFile) -> Mapping[str, None]:
    return dict.fromkeys(name for name in file.tensors if name.startswith(OUTPUT_PREFIX))


def _is_equal_text(name: str, base: TensorFile, varied: TensorFile) -> bool:
    if name not in base.document.text:
        return False
    if base.document.sha256[name] != varied.document.sha256[name]:
        raise Incomparable(f"{name.removeprefix(OUTPUT_PREFIX)}: another text")
    return True


def _noise(name: str, base: TensorFile, varied: TensorFile) -> OutputNoise:
    ours, theirs = base.tensors[name], varied.tensors[name]
    output = name.removeprefix(OUTPUT_PREFIX)
    if str(ours) != str(theirs):
        raise Incomparable(f"{output}: {ours} becomes {theirs}")
    measured = measure(base.arrays(name), varied.arrays(name))
    if measured.first_odd is not None:
        raise Incomparable(f"{output}: NaN or Inf on one side alone")
    return OutputNoise(output, {metric: rounded(value) for metric, value in measured.metrics.items()})


def _same(ours: Trace, event: Event, theirs: Trace, other: Event) -> bool:
    if not _alike(event, other):
        return False
    rows, others = (*event.inputs, *event.outputs), (*other.inputs, *other.outputs)
    return bool(ours.equal(rows, theirs, others).all())


def _alike(event: Event, other: Event) -> bool:
    ours, theirs = event.signature, other.signature
    return (ours.inputs, ours.outputs) == (theirs.inputs, theirs.outputs)


def _is_step(trace: Trace, event: Event) -> bool:
    if not event.signature.method.startswith("step") or role_of(trace, event) is not Role.SCHEDULER:
        return False
    return numpy_dtype(event.signature.outputs[0].dtype).kind not in "biu" if event.outputs else False
