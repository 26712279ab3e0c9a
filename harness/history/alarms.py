"""Alarms before something breaks: metrics that creep towards their limits, and runs that cost more than they did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from harness.core.environment import Change
from harness.core.nights.news import Kind, News, Rise
from harness.core.nights.night import Measured
from harness.core.nights.timeline import Seen, Timeline, moved_between
from harness.core.tolerance import AT_LEAST
from harness.history import past

RECENT = 5
BASE = 30
"""The median of the last RECENT nights is compared with the BASE nights before them."""

MADS = 4.0
SHARE = 0.2
"""What counts as a rise: more than MADS median absolute deviations, and more than this share of the median."""

_FEW = 5

TIMES = 2.0
OF_LIMIT = 0.5
"""A metric creeps above TIMES the largest since the golden was accepted, or across this share of its limit."""


def creeping(line: Timeline) -> Rise | None:
    """The metric of the latest night that creeps nearest to its limit; None if none does.

    The caller knows that the digest is new. A metric counts once: when it doubles, and when it crosses half its limit.
    """
    seen = past.since_golden(line)[:-1]
    restless = _restless(seen)
    largest = dict[tuple[str, str], float]()
    # A judgement stands for many nights.
    for judgement in {id(one.judgement): one.judgement for one in seen if one.judgement.passes}.values():
        for one in judgement.metrics:
            largest[one.output, one.metric] = max(
                largest.get((one.output, one.metric), 0.0), one.value or 0.0
            )
    found = [
        _rise(one, before)
        for one in line.now.judgement.metrics
        if _creeps(one, before := largest.get((one.output, one.metric), 0.0), restless=restless)
    ]
    return max(found, key=_nearness, default=None)


def _restless(seen: Sequence[Seen]) -> bool:
    """Whether the bits are new almost every night, as in a case that is not seeded: a larger value is then chance."""
    return len(seen) >= _FEW and len({one.judgement.outputs for one in seen}) > OF_LIMIT * len(seen)


def _creeps(one: Measured, before: float, *, restless: bool) -> bool:
    if one.value is None or not one.limit or one.metric in AT_LEAST:
        return False
    half = OF_LIMIT * one.limit
    return one.value > half >= before or (not restless and one.value > TIMES * before > 0)


def _rise(one: Measured, before: float) -> Rise:
    return Rise(f"{one.output} {one.metric}", one.value or 0.0, before, one.limit)


def _nearness(rise: Rise) -> float:
    return rise.now / rise.limit if rise.limit else 0.0


def costs(line: Timeline) -> Iterator[News]:
    """Durations and memory that rose, each told once: not again within BASE nights."""
    seen = _comparable(line)
    for kind, name, of in ((Kind.SLOWER, "seconds", _seconds), (Kind.HEAVIER, "memory", _memory)):
        values = [(one, value) for one in seen if (value := of(one)) is not None]
        numbers = [value for _, value in values]
        if values and values[-1][0] is line.now and (rise := risen(name, numbers)) and not _told(numbers):
            since, moved = _began(line, [one for one, value in values[-RECENT:] if _has_risen(value, rise)])
            yield News(kind, line.case, line.platform, since.night.day, moved, rise=rise)


def risen(name: str, values: Sequence[float]) -> Rise | None:
    """The rise at the end of `values`, one a night, or None; fewer than RECENT + BASE of them never have one."""
    if len(values) < RECENT + BASE:
        return None
    recent, base = median(values[-RECENT:]), values[-RECENT - BASE : -RECENT]
    middle = median(base)
    if recent - middle <= SHARE * middle:
        return None
    spread = median(abs(value - middle) for value in base)
    return Rise(name, recent, middle) if recent - middle > MADS * spread else None


def _told(values: Sequence[float]) -> bool:
    return any(risen("", values[:end]) for end in range(len(values) - BASE, len(values)))


def _has_risen(value: float, rise: Rise) -> bool:
    """Whether the value lies nearer to the risen median than to the one before."""
    return value > (rise.now + (rise.before or 0.0)) / 2


def _began(line: Timeline, risen_nights: Sequence[Seen]) -> tuple[Seen, tuple[Change, ...]]:
    """The night on which the rise began, and what moved then: the first one on which anything moved, else the first."""
    moves = [(one, _moved(line, one)) for one in risen_nights]
    return next(((one, moved) for one, moved in moves if moved), moves[0])


def _comparable(line: Timeline) -> list[Seen]:
    """The nights of this machine since its environment last changed, packages aside, on which the case ran."""
    found, machine = list[Seen](), line.now.night.machine
    for one in reversed(line.seen):
        if one.night.machine == machine:
            found.append(one)
        elif one.night.machine.hardware == machine.hardware:
            break
    return [one for one in reversed(found) if one.judgement.outputs is not None]


def _moved(line: Timeline, since: Seen) -> tuple[Change, ...]:
    place = line.seen.index(since)
    return moved_between(line.seen[place - 1].night, since.night) if place else ()


def _seconds(one: Seen) -> float | None:
    return one.cost.total if one.cost.run is None else one.cost.run


def _memory(one: Seen) -> float | None:
    return None if one.cost.memory is None else float(one.cost.memory)
