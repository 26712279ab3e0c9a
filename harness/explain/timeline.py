"""Walks through two aligned traces in the order in which a difference could have begun."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from harness.core.trace import Event
from harness.explain.align import Alignment, Item, align
from harness.explain.differences import Difference, Sides, differences
from harness.judge.traces.exact import Way, pair_mismatches
from harness.judge.traces.pairing import pair_events, same_tensors
from harness.judge.traces.stages import Role, role_of
from harness.judge.traces.structure import Mismatch


@dataclass(frozen=True, slots=True)
class Step:
    """One event of the two traces: what it does, and how its two sides differ.

    `difference` is None for an event that only one trace has. `mismatches` holds exact differences that fail.
    `begun` says whether a scheduler has stepped since noise was drawn outside of a step.
    """

    item: Item
    event: Event
    role: Role
    difference: Difference | None
    mismatches: tuple[Mismatch, ...]
    begun: bool

    @property
    def is_changed(self) -> bool:
        """Whether the event came at another place, or on only one side."""
        return self.difference is None or self.item.moved

    @property
    def is_equal(self) -> bool:
        """Whether the two sides are bit-identical."""
        found = self.difference
        return not (self.is_changed or self.mismatches) and bool(
            found and not found.inputs and not found.outputs
        )


@dataclass(frozen=True)
class Timeline:
    """All component-level events, and `checks`: the place of each step, and whether it begins or ends there.

    What happens inside an event (a draw of noise in a scheduler's step) lies between its two checks. `alike` says
    that both sides recorded exactly the same tensors, bit for bit.
    """

    sides: Sides
    alignment: Alignment
    steps: tuple[Step, ...]
    checks: tuple[tuple[int, Way], ...]
    alike: bool = False

    @cached_property
    def _recounted(self) -> frozenset[str]:
        """The events that now happen more or less often."""
        ours = Counter(step.event.name for step in self.steps if step.item.golden is not None)
        theirs = Counter(step.event.name for step in self.steps if step.item.now is not None)
        return frozenset(name for name in ours.keys() | theirs.keys() if ours[name] != theirs[name])

    def harmless(self, step: Step) -> bool:
        """Whether the step differs only in how often or where it happens, while every tensor equals the golden's."""
        recounted = step.is_changed or step.event.name in self._recounted
        return self.alike and (recounted or step.role is Role.NOISE)

    def inside(self, place: int) -> list[Step]:
        """The steps directly inside the one at `place`."""
        return [step for step in self.steps if step.item.parent == place]


def timeline(sides: Sides) -> Timeline:
    """Align the two traces and compare them event by event."""
    alignment = align(sides.golden, sides.now)
    found = iter(differences(sides, alignment.pairs))
    steps: list[Step] = []
    begun = decoded = False
    for item in alignment.items:
        paired = item.golden is not None and item.now is not None
        step = _step(sides, item, next(found) if paired else None, begun, decoded)
        steps.append(step)
        decoded |= step.role is Role.DECODER
        if step.role is Role.SCHEDULER and step.event.signature.method.startswith("step"):
            begun = True
        elif step.role is Role.NOISE and not _in_scheduler(steps, item):
            begun = False
    pairing = pair_events(sides.golden, sides.now)
    alike = same_tensors(sides.golden, sides.now, pairing)
    return Timeline(sides, alignment, tuple(steps), tuple(_checks(steps)), alike)


def _step(sides: Sides, item: Item, found: Difference | None, begun: bool, decoded: bool) -> Step:
    trace = sides.now if item.golden is None else sides.golden
    place = item.now if item.golden is None else item.golden
    assert place is not None
    event = trace.events[place]
    role = role_of(trace, event)
    if role is Role.IMAGE and decoded and event.signature.method != "encode":
        role = (
            Role.FINISH
        )  # something that examines the finished picture, such as a safety checker's feature extractor
    mismatches = tuple(_failing(sides, found)) if found else ()
    return Step(item, event, role, found, mismatches, begun)


def _failing(sides: Sides, found: Difference) -> Iterator[Mismatch]:
    ours, theirs = sides.golden.events[found.golden], sides.now.events[found.now]
    for mismatch in pair_mismatches(sides.golden, ours, sides.now, theirs):
        if mismatch.fails:
            yield mismatch


def _in_scheduler(steps: list[Step], item: Item) -> bool:
    return item.parent is not None and steps[item.parent].role is Role.SCHEDULER


def _checks(steps: list[Step]) -> Iterator[tuple[int, Way]]:
    within: list[int] = []
    for place, step in enumerate(steps):
        while within and within[-1] != step.item.parent:
            yield within.pop(), "out"
        yield place, "in"
        within.append(place)
    while within:
        yield within.pop(), "out"
