"""Judge a forced replay: each boundary against the golden's, independently."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping

import ml_dtypes
import numpy as np

from harness.core.measured.limits import CROSS_FACTOR, FACTOR
from harness.core.results.verdict import Boundary, Verdict, worst
from harness.core.tolerance import Relation
from harness.core.trace import NOISE, Event, Slot
from harness.golden.tensors import numpy_dtype
from harness.golden.trace import Trace
from harness.judge.outputs.metrics import measure
from harness.judge.traces.exact import Way, component_events, is_exact, slots_of
from harness.judge.traces.pairing import pair_events

PIPELINE_CODE = "→ "
"""Prefix of an event's name for the inputs that the pipeline's own code passed to it."""

NETWORK_EPS = 50.0
"""A network's limit in units of the dtype's epsilon, 5.96e-6 in float32; differences between CPU
instruction sets and thread counts reach 2.1e-6 (Stable Diffusion, UnCLIP and DDIM models of the zoo)."""

HALF_EPS = 8.0
"""The limit in float16 and bfloat16 in units of epsilon, for networks and everything else: rounding
a single intermediate value already costs one."""

OTHER_LIMIT = 1e-6
"""The limit of everything else; schedulers differ by up to 1.5e-7, code between events by 0, or by up to
1e-7 if it resizes."""

ACROSS = CROSS_FACTOR / FACTOR
"""The factor by which a boundary's limit is wider under `cross-hardware`."""

_FLOAT32_AT_MOST = 1e-4
"""Between the usual limits of float32 and those of half precision."""


def judge_boundaries(
    golden: Trace,
    forced: Trace,
    relation: Relation,
    *,
    seeded: bool = True,
    limits: Mapping[str, float] | None = None,
    harmless: Collection[str] = (),
) -> tuple[Boundary, ...]:
    """Judge each event of a forced replay twice, in the order of the golden's events.

    `→ unet.forward` is what the pipeline's own code passed in, computed from the golden's tensors;
    `unet.forward` is what the event computed from the golden's inputs. `limits` are calibrated limits by these
    names and replace those of `boundary_limit`; under `cross-hardware` both are wider (`across_limit`). rel_l2
    is the worst over the event's tensors: exact in float64 if both sides kept the bits, else the estimate of
    `Trace.distances`; None if they cannot be compared. Ids, masks and integer timesteps must be equal bit for
    bit. Noise is judged like other tensors, because its last bits depend on the processor's instruction set.
    It is left out if nothing seeds it, if it is drawn in different pieces, and, under `cross-hardware`, if it
    is drawn on the device, which draws other numbers. A missing or extra event, another shape or dtype, and a
    new NaN or Inf are `broken`. Events named in `harmless` are left out: they are called more or less often
    than in the golden while every tensor equals the golden's, so their calls have no tensors to be fed.
    """
    found = pair_events(golden, forced)
    partners = {id(one): two for one, two in found.pairs}
    pieces = {id(event) for ours, _ in found.regrouped for event in ours}
    boundaries: list[Boundary] = []

    def limit(event: Event, way: Way) -> float:
        usual = boundary_limit(golden, event, way)
        measured = (limits or {}).get(event.name if way == "out" else f"{PIPELINE_CODE}{event.name}")
        if relation is Relation.CROSS_HARDWARE:
            return across_limit(usual, measured)
        return usual if measured is None else measured

    for event in component_events(golden):
        if _is_drawn_alike(event, relation, seeded) and not (event.name in harmless or id(event) in pieces):
            boundaries += _judged(golden, event, forced, partners.get(id(event)), limit)
    extra = [event for event in found.extra if _is_drawn_alike(event, relation, seeded)]
    boundaries += (
        Boundary(event.name, event.index, None, 0.0, Verdict.BROKEN)
        for event in extra
        if event.name not in harmless
    )
    return tuple(boundaries)


def _is_drawn_alike(event: Event, relation: Relation, seeded: bool) -> bool:
    """Whether the event draws noise that must equal the golden's, or draws no noise at all."""
    if event.signature.component != NOISE:
        return True
    on_cpu = event.values.get("generator") == "cpu"
    return seeded and (on_cpu or relation is not Relation.CROSS_HARDWARE)


def is_network(trace: Trace, event: Event) -> bool:
    """Whether the event's component has modules and therefore weights."""
    component = trace.structure.components.get(event.signature.component)
    return component is not None and bool(component.modules)


def boundary_limit(trace: Trace, event: Event, way: Way) -> float:
    """The largest rel_l2 allowed for the event's inputs or outputs, by the coarsest dtype of the event."""
    epsilons = {slot.dtype: epsilon(slot.dtype) for slot, _ in event.slots()}
    half = max((eps for kind, eps in epsilons.items() if numpy_dtype(kind).itemsize <= 2), default=0.0)
    if half:
        return max(OTHER_LIMIT, HALF_EPS * half)
    # No network computes anything between two events.
    if way == "in" or not is_network(trace, event):
        return OTHER_LIMIT
    return NETWORK_EPS * max(epsilons.values(), default=0.0) or OTHER_LIMIT


def across_limit(usual: float, measured: float | None) -> float:
    """The cross-hardware limit of a boundary whose limit on the same hardware is `usual`, or `measured` if given.

    Both were measured across the instruction sets of one architecture; another architecture sums in yet another
    order. An output's calibrated limit is CROSS_FACTOR times the envelope on other hardware and FACTOR times on the
    same, so a boundary's limit widens in proportion: on an emulated aarch64, a step reached 4.7 times its envelope
    while the output stayed within its limit. In half precision the usual limit holds on any hardware: it is already
    eight roundings wide.
    """
    wide = usual if usual > _FLOAT32_AT_MOST else usual * ACROSS
    return max(wide, measured * ACROSS) if measured is not None and measured > usual else wide


def rel_l2(golden: Trace, row: int, slot: Slot, now: Trace, other_row: int) -> tuple[float, bool]:
    """The rel_l2 of two tensors of the same dtype and shape, and whether `now` has a NaN or Inf that the golden lacks.

    Exact if both traces kept the bits, else the estimate of `Trace.distances`.
    """
    if golden.same(row, now, other_row):
        return 0.0, False
    ours, theirs = golden.bits(row, slot), now.bits(other_row, slot)
    if ours is None or theirs is None:
        odd = math.isfinite(golden.norms[row]) and not math.isfinite(now.norms[other_row])
        return golden.distance(row, now, other_row), odd
    measured = measure([ours], [theirs])
    return measured.metrics["rel_l2"], bool(measured.new_nan or measured.new_inf)


def _judged(
    golden: Trace, event: Event, forced: Trace, other: Event | None, limit_of: Callable[[Event, Way], float]
) -> Iterator[Boundary]:
    if other is None:
        yield Boundary(event.name, event.index, None, limit_of(event, "out"), Verdict.BROKEN)
        return
    ways: tuple[tuple[Way, str], ...] = (("in", f"{PIPELINE_CODE}{event.name}"), ("out", event.name))
    for way, name in ways:
        limit = limit_of(event, way)
        if results := list(_tensors(golden, event, forced, other, way, limit)):
            severest = worst(verdict for _, verdict in results)
            distances = [distance for distance, verdict in results if verdict is severest]
            known = [distance for distance in distances if distance is not None]
            yield Boundary(name, event.index, max(known, default=None), limit, severest)


def _tensors(
    golden: Trace, event: Event, forced: Trace, other: Event, way: Way, limit: float
) -> Iterator[tuple[float | None, Verdict]]:
    """The distance and verdict of each tensor; an argument that only one side passes says nothing."""
    there, here = slots_of(event, way), slots_of(other, way)
    class_name = golden.class_of(event.signature.component)
    for name, (slot, row) in there.items():
        found = here.get(name)
        if found is None:
            if way == "out":
                yield None, Verdict.BROKEN
        elif (slot.dtype, slot.shape) != (found[0].dtype, found[0].shape):
            yield None, Verdict.BROKEN
        elif golden.same(row, forced, found[1]):
            yield 0.0, Verdict.IDENTICAL
        elif is_exact(slot, class_name):
            yield None, Verdict.DRIFTED
        else:
            distance, odd = rel_l2(golden, row, slot, forced, found[1])
            verdict = Verdict.WITHIN if distance <= limit else Verdict.DRIFTED
            known = distance if math.isfinite(distance) else None
            yield known, Verdict.BROKEN if odd else verdict


def epsilon(dtype: str) -> float:
    """The distance from 1 to the next number; 0 for integers."""
    kind = numpy_dtype(dtype)
    if kind.kind in "biu":
        return 0.0
    number = np.finfo(kind).dtype if kind.kind == "c" else kind
    return float(ml_dtypes.finfo(number).eps)  # type: ignore[no-untyped-call]
