"""What the pipeline's own code did between two events, judged by what it passed to the second one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.core.trace import Event
from harness.explain.differences import Sides, SlotDifference
from harness.explain.timeline import Step, Timeline
from harness.golden.trace import Trace
from harness.judge.traces.stages import Role, Stage, pipeline_code_stage, value_stage
from harness.judge.traces.structure import Mismatch

_SAME_NORM = 1e-6  # relative; the same numbers in another order, apart from rounding

_EXPLAINED = 0.01  # the share of a difference that a scale or a swap may leave unexplained


@dataclass(frozen=True, slots=True)
class Handed:
    """One input that differs at an event although all before it matched.

    `sides` are the two values in words if they have no distance. `scale` is its factor over the golden's input,
    `swapped` says whether its two halves changed places, `channels` is the range of axis 1 outside of which it
    equals the golden's; each is None or False if that does not apply. `producer` is the event whose output it was,
    unchanged, in the golden.
    """

    stage: Stage
    slot: str
    rel_l2: float | None
    sides: tuple[str, str] | None = None
    scale: float | None = None
    swapped: bool = False
    channels: tuple[int, int] | None = None
    producer: Event | None = None


def handed(line: Timeline, place: int) -> Handed:
    """What differs in the inputs of the step at `place`; raises ValueError if nothing does."""
    step = line.steps[place]
    found = None if step.difference is None else step.difference.inputs
    for mismatch in step.mismatches:
        if not mismatch.what.startswith("out:"):
            return _exact(line, place, mismatch)
    if not found:
        raise ValueError(f"{step.event.name} {step.event.index}: no input differs")
    return _numeric(line, place, max(found, key=lambda one: one.rel_l2))


def _exact(line: Timeline, place: int, mismatch: Mismatch) -> Handed:
    step = line.steps[place]
    sides = str(mismatch.golden), str(mismatch.now)
    if not mismatch.what.startswith("in:"):
        return Handed(value_stage(step.role, mismatch.what), mismatch.what, None, sides)
    slot = mismatch.what.removeprefix("in:")
    name = slot.removesuffix(".shape").removesuffix(".dtype")
    if batch_changed(step, line.sides):
        return Handed(Stage.GUIDANCE, slot, None, sides)
    producer = _producer(line, place, name)
    stage = pipeline_code_stage(step.role, name, _role(line, producer), begun=step.begun)
    return Handed(stage, slot, None, sides, producer=_event(line, producer))


def _numeric(line: Timeline, place: int, one: SlotDifference) -> Handed:
    step = line.steps[place]
    name = one.slot.name
    distance = line.sides.precise(one)
    producer = _producer(line, place, name)
    swapped = _is_swapped(line.sides, one)
    channels = None if swapped else _channels(line.sides, one)
    stage = pipeline_code_stage(step.role, name, _role(line, producer), begun=step.begun)
    if swapped:
        stage = Stage.GUIDANCE
    elif channels is not None and step.role is Role.DENOISER and stage in (Stage.NOISE, Stage.GUIDANCE):
        stage = Stage.IMAGE_ENCODING  # an initial picture is appended to the noise as extra channels
    return Handed(
        stage,
        name,
        distance if math.isfinite(distance) else None,
        scale=None if swapped else _scale(line.sides, one),
        swapped=swapped,
        channels=channels,
        producer=_event(line, producer),
    )


def batch_changed(step: Step, sides: Sides) -> bool:
    """Whether a denoiser gets half or twice the batch: guidance was switched off or on."""
    if step.role is not Role.DENOISER or step.difference is None:
        return False
    pairs = [
        (one.slot.shape, other.shape)
        for one in step.difference.inputs
        for other in sides.now.events[step.difference.now].signature.inputs
        if other.name == one.slot.name and one.slot.shape and other.shape
    ]
    return any(
        ours[1:] == theirs[1:] and (ours[0] == 2 * theirs[0] or 2 * ours[0] == theirs[0])
        for ours, theirs in pairs
    )


def _producer(line: Timeline, place: int, slot: str) -> int | None:
    """The latest earlier step that gave exactly this tensor in the golden."""
    step, golden = line.steps[place], line.sides.golden
    row = dict(zip((one.name for one in step.event.signature.inputs), step.event.inputs, strict=True)).get(
        slot
    )
    if row is None or step.difference is None:
        return None
    for earlier in reversed(range(place)):
        other = line.steps[earlier]
        if other.item.golden is None:
            continue
        event = golden.events[other.item.golden]
        if row in event.outputs or (other.role is Role.ARGUMENTS and row in event.inputs):
            return earlier
    return None


def _role(line: Timeline, place: int | None) -> Role | None:
    return None if place is None else line.steps[place].role


def _event(line: Timeline, place: int | None) -> Event | None:
    return None if place is None else line.steps[place].event


def _kept(sides: Sides, one: SlotDifference) -> tuple[npt.NDArray[np.float64], ...] | None:
    """Both tensors in float64, if both were kept."""
    if not one.comparable or one.slot.dtype.startswith("complex"):
        return None
    ours = sides.golden.bits(one.golden_row, one.slot)
    theirs = sides.now.bits(one.now_row, one.slot)
    if ours is None or theirs is None:
        return None
    return ours.astype(np.float64), theirs.astype(np.float64)


def _is_swapped(sides: Sides, one: SlotDifference) -> bool:
    """Whether the two halves of the batch changed places; without the bits, the norm decides."""
    shape = one.slot.shape
    if not one.comparable or not shape or shape[0] % 2:
        return False
    kept = _kept(sides, one)
    if kept is None:
        ours, theirs = sides.golden.norms[one.golden_row], sides.now.norms[one.now_row]
        return bool(abs(ours - theirs) <= _SAME_NORM * ours and one.rel_l2 > _EXPLAINED)
    half = shape[0] // 2
    rest = np.linalg.norm(np.roll(kept[0], half, axis=0) - kept[1])
    return bool(rest < _EXPLAINED * np.linalg.norm(kept[0] - kept[1]))


def _channels(sides: Sides, one: SlotDifference) -> tuple[int, int] | None:
    """The first and last differing channel, if not all of them differ."""
    kept = _kept(sides, one)
    if kept is None or kept[0].ndim < 4:
        return None
    differ = (kept[0] != kept[1]).any(axis=(0, *range(2, kept[0].ndim)))
    places = np.flatnonzero(differ)
    return None if differ.all() else (int(places[0]), int(places[-1]))


def _scale(sides: Sides, one: SlotDifference) -> float | None:
    """The factor between the two sides, from the bits or from the sketches, which are linear."""
    if not one.comparable:
        return None
    kept = _kept(sides, one) or _sketches(sides.golden, sides.now, one)
    ours, theirs = kept[0].reshape(-1), kept[1].reshape(-1)
    with np.errstate(all="ignore"):
        factor = float(ours @ theirs / (ours @ ours))
        rest = float(np.linalg.norm(theirs - factor * ours) / np.linalg.norm(theirs - ours))
    return factor if math.isfinite(factor) and factor != 1.0 and rest < _EXPLAINED else None


def _sketches(golden: Trace, now: Trace, one: SlotDifference) -> tuple[npt.NDArray[np.float64], ...]:
    return golden.sketches[one.golden_row].astype(np.float64), now.sketches[one.now_row].astype(np.float64)
