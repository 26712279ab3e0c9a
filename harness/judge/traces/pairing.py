"""Pairs the events of a new trace with the golden's: components by name and content, draws by the numbers drawn."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from math import prod

from harness.core.trace import NOISE, Event
from harness.golden.trace import Trace

Draws = tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Pairing:
    """The component-level events of two traces side by side, in the golden's order.

    `regrouped` holds draws that one side makes at once and the other piece by piece, the golden's first.
    """

    pairs: tuple[tuple[Event, Event], ...]
    missing: tuple[Event, ...]
    extra: tuple[Event, ...]
    regrouped: tuple[tuple[Draws, Draws], ...] = ()


def pair_events(golden: Trace, now: Trace) -> Pairing:
    """Match the component-level events of two traces.

    Calls of the same name are matched in order. If one side has more calls, or the same calls in another order,
    those with the same bits are paired first. Draws of noise are matched regardless of the function that drew
    them: by their bits, else by the generator's state, else in order by dtype and shape.
    """
    sides = [_by_name(trace) for trace in (golden, now)]
    noise = [[event for event in _events(trace) if _is_noise(event)] for trace in (golden, now)]
    found = [
        pair
        for name in sides[0].keys() & sides[1].keys()
        for pair in _calls(golden, sides[0][name], now, sides[1][name])
    ]
    drawn = list(_draws(golden, noise[0], now, noise[1]))
    regrouped = tuple(_regrouped(*_without(noise, drawn)))
    loose = [pair for ours, theirs in regrouped for pair in zip_longest(ours, theirs)]
    drawn += _in_turn(*_without(noise, [*drawn, *loose]), _drawn)
    found += drawn
    taken = {id(event) for pair in (*found, *loose) for event in pair if event is not None}
    partner = {id(one): two for one, two in found}
    return Pairing(
        tuple((event, partner[id(event)]) for event in _events(golden) if id(event) in partner),
        tuple(event for event in _events(golden) if id(event) not in taken),
        tuple(event for event in _events(now) if id(event) not in taken),
        regrouped,
    )


def same_tensors(golden: Trace, now: Trace, found: Pairing) -> bool:
    """Whether the two traces recorded exactly the same tensors, bit for bit, in any calls."""
    sides = []
    for trace, other in ((golden, 0), (now, 1)):
        loose = {id(event) for groups in found.regrouped for event in groups[other]}
        rows = {row for event in _events(trace) if id(event) not in loose for _, row in event.slots()}
        sides.append({trace.digests[row].tobytes() for row in rows})
    return sides[0] == sides[1]


def _without(
    sides: Sequence[Sequence[Event]], pairs: Iterable[tuple[Event | None, Event | None]]
) -> tuple[list[Event], list[Event]]:
    taken = {id(event) for pair in pairs for event in pair if event is not None}
    ours, theirs = ([event for event in side if id(event) not in taken] for side in sides)
    return ours, theirs


def _events(trace: Trace) -> Iterator[Event]:
    return (event for event in trace.events if event.signature.module is None)


def _is_noise(event: Event) -> bool:
    return event.signature.component == NOISE


def _by_name(trace: Trace) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = defaultdict(list)
    for event in _events(trace):
        if not _is_noise(event):
            found[event.name].append(event)
    return found


def _calls(
    golden: Trace, ours: Sequence[Event], now: Trace, theirs: Sequence[Event]
) -> Iterator[tuple[Event, Event]]:
    contents = [_content(golden, event) for event in ours], [_content(now, event) for event in theirs]
    if contents[0] == contents[1]:
        yield from zip(ours, theirs, strict=True)
    elif Counter(contents[0]) == Counter(contents[1]):
        events = (*ours, *theirs)
        known = dict(zip(map(id, events), (*contents[0], *contents[1]), strict=True))
        yield from _in_turn(ours, theirs, lambda event: known[id(event)])
    elif len(ours) == len(theirs):
        yield from zip(ours, theirs, strict=True)
    else:
        yield from _of_unequal_number(ours, theirs, *contents)


def _of_unequal_number(
    ours: Sequence[Event], theirs: Sequence[Event], contents: list[Hashable], others: list[Hashable]
) -> Iterator[tuple[Event, Event]]:
    """Pairs with the same bits in order, then those between two such pairs in order."""
    start = other_start = 0
    blocks = SequenceMatcher(None, contents, others, autojunk=False).get_matching_blocks()
    for one, two, size in blocks:
        yield from zip(ours[start:one], theirs[other_start:two], strict=False)
        yield from zip(ours[one : one + size], theirs[two : two + size], strict=True)
        start, other_start = one + size, two + size


def _draws(
    golden: Trace, ours: Sequence[Event], now: Trace, theirs: Sequence[Event]
) -> Iterator[tuple[Event, Event]]:
    """Draws of the same bits, then draws from the same generator state."""
    traces = {**{id(event): now for event in theirs}, **{id(event): golden for event in ours}}

    def content(event: Event) -> Hashable:
        return _content(traces[id(event)], event)

    def state(event: Event) -> Hashable:
        before = event.values.get("before")
        return (before, _drawn(event)) if before is not None else None

    for key in (content, state):
        found = list(_in_turn(ours, theirs, key))
        yield from found
        taken = {id(event) for pair in found for event in pair}
        ours = [event for event in ours if id(event) not in taken]
        theirs = [event for event in theirs if id(event) not in taken]


def _in_turn(
    ours: Sequence[Event], theirs: Sequence[Event], key: Callable[[Event], Hashable]
) -> Iterator[tuple[Event, Event]]:
    """Events with the same key, the first with the first; events whose key is None stay unpaired."""
    waiting: dict[Hashable, list[Event]] = defaultdict(list)
    for event in reversed(theirs):
        waiting[key(event)].append(event)
    for event in ours:
        if (found := key(event)) is not None and waiting[found]:
            yield event, waiting[found].pop()


def _content(trace: Trace, event: Event) -> Hashable:
    """Names, dtypes, shapes and bits of all its tensors; for a draw, the names say nothing."""
    return tuple((slot, trace.digests[row].tobytes()) for slot, row in event.slots())


def _drawn(event: Event) -> Hashable:
    return tuple((slot.dtype, slot.shape) for slot in event.signature.outputs)


def _regrouped(ours: Sequence[Event], theirs: Sequence[Event]) -> Iterator[tuple[Draws, Draws]]:
    """Draws that took the generator as far as several draws of the other side did, with the same count of numbers."""
    for one in ours:
        if len(chain := _chain(one, theirs)) > 1:
            yield (one,), chain
    for two in theirs:
        if len(chain := _chain(two, ours)) > 1:
            yield chain, (two,)


def _chain(whole: Event, pieces: Sequence[Event]) -> Draws:
    """The pieces that take a generator from the start to the end state of `whole`; empty if there are none."""
    state, chain = whole.values.get("before"), list[Event]()
    for piece in pieces:
        if state is not None and piece.values.get("before") == state:
            chain.append(piece)
            state = piece.values.get("after")
            if _numbers([whole]) <= _numbers(chain):
                break
    ends = bool(chain) and state == whole.values.get("after")
    return tuple(chain) if ends and _numbers([whole]) == _numbers(chain) else ()


def _numbers(events: Sequence[Event]) -> Counter[str]:
    """The count of drawn numbers by dtype."""
    counts = Counter[str]()
    for event in events:
        for slot in event.signature.outputs:
            counts[slot.dtype] += prod(slot.shape)
    return counts
