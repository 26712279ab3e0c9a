"""Find the counterpart in the new trace for every event of the golden's, and the events without one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

from harness.core.trace import NOISE
from harness.golden.trace import Trace

_LARGEST = 2_000_000  # if the product of lengths exceeds this, only nearby events are compared

_WINDOW = 64  # how many events may be skipped at once


@dataclass(frozen=True, slots=True)
class Item:
    """One event of one or both traces: its positions in their `events`, None in a trace that lacks it.

    `parent` is the place of the item it happened inside; `moved` says that the two have different places in
    the order.
    """

    golden: int | None
    now: int | None
    parent: int | None
    moved: bool = False


@dataclass(frozen=True, slots=True)
class Alignment:
    """The component-level events of two traces in one order."""

    items: tuple[Item, ...]

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """The positions of the events that both traces have."""
        return tuple(
            (item.golden, item.now) for item in self.items if item.golden is not None and item.now is not None
        )

    @property
    def missing(self) -> tuple[int, ...]:
        """The positions of the golden's events that the new trace lacks."""
        return tuple(item.golden for item in self.items if item.golden is not None and item.now is None)

    @property
    def extra(self) -> tuple[int, ...]:
        """The positions of the new events that the golden lacks."""
        return tuple(item.now for item in self.items if item.now is not None and item.golden is None)

    @property
    def moved(self) -> tuple[int, ...]:
        """The positions of the golden's events that now come at a different place in the order."""
        return tuple(item.golden for item in self.items if item.moved and item.golden is not None)


def align(golden: Trace, now: Trace) -> Alignment:
    """Match the component-level events of two traces in order, by name; draws of noise by dtype and shape."""
    ours, theirs = _positions(golden), _positions(now)
    tokens = [_token(golden, place) for place in ours]
    other_tokens = [_token(now, place) for place in theirs]
    matched = dict(_matched(tokens, other_tokens))
    moved = dict(_moved(tokens, other_tokens, matched))
    pairs = {ours[one]: theirs[two] for one, two in (matched | moved).items()}
    strange = {ours[one] for one in moved}
    return Alignment(tuple(_items(golden, now, ours, theirs, pairs, strange)))


def component_parent(trace: Trace, place: int) -> int | None:
    """The position of the component-level event that the event at `place` happened inside."""
    parent = trace.events[place].parent
    while parent is not None and trace.events[parent].signature.module is not None:
        parent = trace.events[parent].parent
    return parent


def _positions(trace: Trace) -> list[int]:
    return [place for place, event in enumerate(trace.events) if event.signature.module is None]


def _token(trace: Trace, place: int) -> Hashable:
    event = trace.events[place]
    if event.signature.component != NOISE:
        return event.name
    parent = component_parent(trace, place)
    inside = "" if parent is None else trace.events[parent].name
    # Regardless of the function: a release may use another one to draw the same numbers.
    return NOISE, inside, tuple((slot.dtype, slot.shape) for slot in event.signature.outputs)


def _matched(ours: Sequence[Hashable], theirs: Sequence[Hashable]) -> Iterator[tuple[int, int]]:
    """Pairs of places in order, as many and as early as possible."""
    shorter = min(len(ours), len(theirs))
    start = next((place for place in range(shorter) if ours[place] != theirs[place]), shorter)
    yield from ((place, place) for place in range(start))
    rest, other_rest = ours[start:], theirs[start:]
    few = len(rest) * len(other_rest) <= _LARGEST
    found = _longest(rest, other_rest) if few else _nearest(rest, other_rest)
    yield from ((start + one, start + two) for one, two in found)


def _longest(ours: Sequence[Hashable], theirs: Sequence[Hashable]) -> Iterator[tuple[int, int]]:
    """The longest common subsequence, of several the one that matches earliest: loop iterations stay in step."""
    width = len(theirs)
    table = [[0] * (width + 1) for _ in range(len(ours) + 1)]  # the length from each pair of places onward
    for one in reversed(range(len(ours))):
        row, below, token = table[one], table[one + 1], ours[one]
        for two in reversed(range(width)):
            matches = token == theirs[two]
            row[two] = below[two + 1] + 1 if matches else max(below[two], row[two + 1])
    one = two = 0
    while one < len(ours) and two < width:
        if ours[one] == theirs[two]:
            yield one, two
            one, two = one + 1, two + 1
        elif table[one + 1][two] > table[one][two + 1]:
            one += 1
        else:
            two += 1


def _nearest(ours: Sequence[Hashable], theirs: Sequence[Hashable]) -> Iterator[tuple[int, int]]:
    """Pairs found by skipping as few events as possible on one side at a disagreement."""
    one = two = 0
    while one < len(ours) and two < len(theirs):
        if ours[one] != theirs[two]:
            skipped, other_skipped = _skips(ours[one : one + _WINDOW], theirs[two : two + _WINDOW])
            one, two = one + skipped, two + other_skipped
        if one < len(ours) and two < len(theirs) and ours[one] == theirs[two]:
            yield one, two
            one, two = one + 1, two + 1


def _skips(ours: Sequence[Hashable], theirs: Sequence[Hashable]) -> tuple[int, int]:
    """How many events to skip on each side until the two agree; one on each side if they never do.

    If both sides could skip equally many, the skip with the longer agreement afterwards wins.
    """
    for count in range(_WINDOW):
        missing = _run(ours[count:], theirs)
        extra = _run(ours, theirs[count:])
        if missing or extra:
            return (count, 0) if missing > extra else (0, count)
    return 1, 1


def _run(ours: Sequence[Hashable], theirs: Sequence[Hashable]) -> int:
    """The number of events for which the two agree from the start."""
    shorter = min(len(ours), len(theirs), _WINDOW)
    return next((place for place in range(shorter) if ours[place] != theirs[place]), shorter)


def _moved(
    ours: Sequence[Hashable], theirs: Sequence[Hashable], matched: dict[int, int]
) -> Iterator[tuple[int, int]]:
    """Pairs of the remaining events of one name, in order."""
    taken, waiting = set(matched.values()), defaultdict[Hashable, list[int]](list)
    for place in reversed(range(len(theirs))):
        if place not in taken:
            waiting[theirs[place]].append(place)
    for place, token in enumerate(ours):
        if place not in matched and waiting[token]:
            yield place, waiting[token].pop()


def _items(
    golden: Trace,
    now: Trace,
    ours: list[int],
    theirs: list[int],
    pairs: dict[int, int],
    moved: set[int],
) -> Iterator[Item]:
    """The golden's order, with each extra event after the one that it now follows."""
    taken = {two: one for one, two in pairs.items()}
    numbers: dict[tuple[bool, int], int] = {}
    extras = iter([place for place in theirs if place not in taken])
    waiting = next(extras, None)
    count = 0
    for place in ours:
        partner = pairs.get(place)
        while waiting is not None and partner is not None and place not in moved and waiting < partner:
            numbers[False, waiting] = count
            yield Item(None, waiting, _number(numbers, False, component_parent(now, waiting)))
            waiting, count = next(extras, None), count + 1
        numbers[True, place] = count
        if partner is not None:
            numbers[False, partner] = count
        yield Item(place, partner, _number(numbers, True, component_parent(golden, place)), place in moved)
        count += 1
    while waiting is not None:
        numbers[False, waiting] = count
        yield Item(None, waiting, _number(numbers, False, component_parent(now, waiting)))
        waiting, count = next(extras, None), count + 1


def _number(numbers: dict[tuple[bool, int], int], of_golden: bool, place: int | None) -> int | None:
    return None if place is None else numbers.get((of_golden, place))
