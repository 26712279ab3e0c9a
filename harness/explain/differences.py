"""Measure the distances between matched events, all of their tensors in one pass."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from harness.core.trace import Event, Signature, Slot
from harness.golden.trace import Trace
from harness.judge.traces.boundaries import boundary_limit, epsilon, rel_l2
from harness.judge.traces.exact import Way, is_exact

JUMP = 20.0
"""How many times larger than its input error (or than the noise of such an event) an error must be to stand
out: schedulers and networks raise it by less than 10, guidance by up to twice its scale."""

SMALL_JUMP = 2.0
"""The same if the input matched bit for bit: the noise of such an event already includes a margin."""

_HALF = 1e-6  # lies between the epsilons of float32 and float16


@dataclass(frozen=True, slots=True)
class SlotDifference:
    """A tensor whose bits differ: its place in the signatures of both sides, and the estimated rel_l2.

    rel_l2 is infinite if the two cannot be compared: another dtype or shape, NaN, or a golden of zeros.
    `exact` marks an id, mask or integer timestep, for which a distance has no meaning.
    """

    slot: Slot
    golden_row: int
    now_row: int
    rel_l2: float
    comparable: bool
    exact: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """One pair of events, by position; the tensors that differ among its inputs and outputs.

    A tensor that only one side has is not included.
    """

    golden: int
    now: int
    inputs: tuple[SlotDifference, ...]
    outputs: tuple[SlotDifference, ...]

    @property
    def error_in(self) -> float:
        """The largest rel_l2 of the inputs; 0 if all bits are equal."""
        return max((one.rel_l2 for one in self.inputs), default=0.0)

    @property
    def error_out(self) -> float:
        """The largest rel_l2 of the outputs; 0 if all bits are equal."""
        return max((one.rel_l2 for one in self.outputs), default=0.0)


@dataclass(frozen=True)
class Sides:
    """The two compared traces."""

    golden: Trace
    now: Trace

    def event(self, difference: Difference) -> Event:
        """The golden's event of a pair."""
        return self.golden.events[difference.golden]

    def precise(self, one: SlotDifference) -> float:
        """The rel_l2 of one difference in float64, as exactly as the kept bits allow."""
        if not one.comparable:
            return float("inf")
        return rel_l2(self.golden, one.golden_row, one.slot, self.now, one.now_row)[0]

    @cached_property
    def counts(self) -> dict[str, int]:
        """How often each event occurs in the golden."""
        found: dict[str, int] = {}
        for event in self.golden.events:
            found[event.name] = found.get(event.name, 0) + 1
        return found


def noise_floor(trace: Trace, event: Event, way: Way) -> float:
    """The rel_l2 that rounding alone may cause at an event whose inputs equal the golden's."""
    halves = [epsilon(slot.dtype) for slot, _ in event.slots() if epsilon(slot.dtype) > _HALF]
    return max(halves) if halves else boundary_limit(trace, event, way)


_Shared = tuple[tuple[bool, int, int, Slot, bool, bool], ...]
"""For two signatures: is it an output, the place on each side, the golden's slot, comparable, exact."""


def differences(sides: Sides, pairs: Sequence[tuple[int, int]]) -> list[Difference]:
    """Compare the events at the given positions, pair by pair, in the order given."""
    known: dict[tuple[int, int], _Shared] = {}
    owners: list[tuple[int, bool, Slot, bool, bool]] = []
    ours: list[int] = []
    theirs: list[int] = []
    for number, (place, other_place) in enumerate(pairs):
        event, other = sides.golden.events[place], sides.now.events[other_place]
        key = id(event.signature), id(other.signature)
        if key not in known:
            class_name = sides.golden.class_of(event.signature.component)
            known[key] = _shared(event.signature, other.signature, class_name)
        rows, other_rows = (event.inputs, event.outputs), (other.inputs, other.outputs)
        for is_output, one, two, slot, comparable, exact in known[key]:
            owners.append((number, is_output, slot, comparable, exact))
            ours.append(rows[is_output][one])
            theirs.append(other_rows[is_output][two])
    found = _unequal(sides, owners, ours, theirs)
    return [
        Difference(place, other, tuple(found.get((number, False), ())), tuple(found.get((number, True), ())))
        for number, (place, other) in enumerate(pairs)
    ]


def _unequal(
    sides: Sides, owners: list[tuple[int, bool, Slot, bool, bool]], ours: list[int], theirs: list[int]
) -> dict[tuple[int, bool], list[SlotDifference]]:
    """The differences by pair and direction (input or output); nothing for tensors with the same bits."""
    if not owners:
        return {}
    rows, other_rows = np.asarray(ours), np.asarray(theirs)
    comparable = np.asarray([owner[3] for owner in owners])
    places = np.flatnonzero(~(sides.golden.equal(rows, sides.now, other_rows) & comparable))
    distances = sides.golden.distances(rows[places], sides.now, other_rows[places])
    found: dict[tuple[int, bool], list[SlotDifference]] = {}
    for place, distance in zip(places.tolist(), distances.tolist(), strict=True):
        number, is_output, slot, alike, exact = owners[place]
        one = SlotDifference(
            slot, ours[place], theirs[place], distance if alike else float("inf"), alike, exact
        )
        found.setdefault((number, is_output), []).append(one)
    return found


def _shared(golden: Signature, now: Signature, class_name: str) -> _Shared:
    """The slots that both have, by name, inputs before outputs."""
    return (
        *_by_name(False, golden.inputs, now.inputs, class_name),
        *_by_name(True, golden.outputs, now.outputs, class_name),
    )


def _by_name(is_output: bool, golden: Iterable[Slot], now: Iterable[Slot], class_name: str) -> _Shared:
    places = {slot.name: (number, slot) for number, slot in enumerate(now)}
    shared = []
    for number, slot in enumerate(golden):
        if slot.name in places:
            other_number, other = places[slot.name]
            alike = (slot.dtype, slot.shape) == (other.dtype, other.shape)
            shared.append((is_output, number, other_number, slot, alike, is_exact(slot, class_name)))
    return tuple(shared)
