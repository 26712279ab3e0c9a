"""The searches themselves: they ask for runs of sets of versions, and never do one.

Each is a generator that yields what it wants to know and is sent the answers, so that the searches of several cases
can go on side by side and share environments.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeVar

from harness.upgrade.lock import Lock

T = TypeVar("T")
Found = TypeVar("Found")


class Told(Enum):
    """What a run says: it agrees with the good end, it does not, or nothing can be said of these versions."""

    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Query:
    """A question: what does a run with the packages of `lock` say? `left` describes what is still to be searched."""

    lock: Lock
    left: str = ""


Search = Generator[Query, Told, Found]


@dataclass(frozen=True, slots=True)
class Interval:
    """Two places in a sequence: the change lies after `good` and at the latest at `bad`."""

    good: int
    bad: int


Ask = Callable[[int, Interval], Search[Told]]
"""Asks about the place at an index; the interval is what is left to search."""


def bisect(count: int, ask: Ask) -> Search[Interval]:
    """The place among `count` at which what is good becomes bad; the first is good and the last bad, neither is asked.

    A place of which nothing can be said is stepped over; the places between the ends of the result are such ones.
    Takes at most ceil(log2(count - 1)) questions if all can be answered.
    """
    left, unknown = Interval(0, count - 1), set[int]()
    while places := [one for one in range(left.good + 1, left.bad) if one not in unknown]:
        place = min(places, key=lambda one: abs(2 * one - left.good - left.bad))
        told = yield from ask(place, left)
        if told is Told.UNKNOWN:
            unknown.add(place)
        else:
            left = replace(left, good=place) if told is Told.GOOD else replace(left, bad=place)
    return left


Moves = Mapping[str, str | None]
"""A version for each package that moves; None where the package goes away."""


def with_moves(lock: Lock, moves: Moves) -> Lock:
    """The lock after these packages moved."""
    packages = {**lock.packages, **moves}
    return Lock({name: version for name, version in packages.items() if version is not None})


def moves_between(good: Lock, bad: Lock) -> Moves:
    """What has to move to get from one lock to the other, by name."""
    return {change.what: change.now for change in bad.moved_from(good)}


@dataclass(frozen=True, slots=True)
class Cause:
    """The packages that make the difference, and those that only have to move for one of these to run."""

    packages: tuple[str, ...]
    companions: tuple[str, ...] = ()


def smallest_cause(good: Lock, moves: Moves) -> Search[Cause]:
    """The smallest set of packages whose moves turn `good` bad, given that all of `moves` together do.

    In the order of `moves`, the last package that is needed is found by bisecting how many of them move; with it
    fixed, the one before that, until those found suffice. The set is minimal: without any one of its packages the
    result is good, or nothing can run. A set of size k among n packages takes about k * (log2(n) + 1) questions.
    """
    pool, needed = list(moves), list[str]()
    while pool:
        if needed and (yield _moved(good, moves, needed, "packages found")) is Told.BAD:
            break
        found = yield from bisect(len(pool) + 1, _prefixes(good, moves, pool, needed))
        # What cannot be told apart moves together.
        needed += pool[found.good : found.bad]
        pool = pool[: found.good]
    companions = list[str]()
    for name in list(needed):
        rest = [one for one in needed if one != name]
        told = (yield _moved(good, moves, rest, "packages found")) if rest else Told.GOOD
        if told is Told.BAD:
            needed.remove(name)
        elif (
            told is Told.UNKNOWN
            and (yield _moved(good, moves, [*companions, name], f"{name} alone")) is Told.GOOD
        ):
            companions.append(name)
    cause = tuple(name for name in moves if name in needed and name not in companions)
    return Cause(cause, tuple(companions))


def _prefixes(good: Lock, moves: Moves, pool: Sequence[str], needed: Sequence[str]) -> Ask:
    """Asks whether the first so many of `pool` suffice, together with what is `needed`."""

    def ask(count: int, left: Interval) -> Search[Told]:
        names = pool[left.good : left.bad]
        return (yield _moved(good, moves, [*needed, *pool[:count]], f"one of {_listed(names)}"))

    return ask


def _moved(good: Lock, moves: Moves, packages: Sequence[str], left: str) -> Query:
    return Query(with_moves(good, {name: moves[name] for name in moves if name in packages}), left)


@dataclass(frozen=True, slots=True)
class Narrowed:
    """The releases of a package between which the change lies; nothing can run under those of `untold`."""

    package: str
    before: str | None
    after: str | None
    untold: tuple[str, ...] = ()


def narrow(package: str, bases: Sequence[Lock], versions: Sequence[str | None]) -> Search[Narrowed]:
    """Between which of `versions` (the good end's first, the bad end's last) the package changes the result.

    The rest of the environment is that of the first of `bases`; under a version with which nothing runs there, that
    of the next.
    """

    def ask(place: int, left: Interval) -> Search[Told]:
        rest, told = f"{package} {versions[left.good]} → {versions[left.bad]}", Told.UNKNOWN
        for base in bases:
            told = yield Query(with_moves(base, {package: versions[place]}), rest)
            if told is not Told.UNKNOWN:
                break
        return told

    found = yield from bisect(len(versions), ask)
    between = tuple(filter(None, versions[found.good + 1 : found.bad]))
    return Narrowed(package, versions[found.good], versions[found.bad], between)


def _listed(names: Sequence[str], most: int = 4) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
