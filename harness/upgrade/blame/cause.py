"""The cause of a difference between two sets of versions: which packages, and which of their releases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from harness.upgrade.blame.paths import Paths
from harness.upgrade.blame.search import (
    Interval,
    Moves,
    Narrowed,
    Query,
    Search,
    Told,
    bisect,
    moves_between,
    narrow,
    smallest_cause,
    with_moves,
)
from harness.upgrade.lock import Lock, lock_of


@dataclass(frozen=True, slots=True)
class FoundCause:
    """The packages to blame, the neighbouring sets of versions between which they moved, and what moves with them.

    `undone` is what else has to go back from the bad end for the packages to go back.
    """

    good: Lock
    bad: Lock
    narrowed: tuple[Narrowed, ...]
    companions: Moves = field(default_factory=dict)
    undone: Moves = field(default_factory=dict)

    @property
    def moves(self) -> Moves:
        """What has to move for the difference to appear."""
        return {**self.companions, **{one.package: one.after for one in self.narrowed}}

    @property
    def back(self) -> Moves:
        """What has to go back for the difference to vanish."""
        return {**self.undone, **{one.package: one.before for one in self.narrowed}}


def cause_between(good: Lock, bad: Lock, paths: Paths) -> Search[FoundCause]:
    """The moves that make the difference, each between two releases that follow one another."""
    first, last = yield from _neighbours(good, bad, paths)
    moves = paths.ordered(moves_between(first, last))
    cause = yield from smallest_cause(first, moves)
    companions = {name: moves[name] for name in cause.companions}
    base, moved = with_moves(first, companions), {name: moves[name] for name in cause.packages}
    narrowed = list[Narrowed]()
    for name in cause.packages:
        versions = paths.versions(name, first.packages.get(name), moved[name])
        bases = dict.fromkeys(
            (with_moves(base, moved).requirements(), base.requirements(), first.requirements())
        )
        one = yield from narrow(name, [lock_of(words) for words in bases], versions)
        narrowed.append(one)
        moved[name] = one.after
    return (yield from _without_hindrance(FoundCause(first, last, tuple(narrowed), companions)))


def _neighbours(good: Lock, bad: Lock, paths: Paths) -> Search[tuple[Lock, Lock]]:
    """The last good and the first bad set of versions by day; both ends where the days are unknown."""
    locks = paths.by_day(good, bad)
    if len(locks) <= 2:
        return good, bad

    def ask(place: int, left: Interval) -> Search[Told]:
        return (yield Query(paths.coexisting(locks[place], good, bad), _steps_left(left)))

    found = yield from bisect(len(locks), ask)
    first, last = (
        lock if lock in (good, bad) else paths.coexisting(lock, good, bad)
        for lock in (locks[found.good], locks[found.bad])
    )
    return first, last


def _without_hindrance(found: FoundCause) -> Search[FoundCause]:
    """`found` without what only later releases need, if those around the change cannot run with it."""
    if len(found.moves) == 1:
        return found
    if (yield Query(with_moves(found.good, found.moves), "the change itself")) is not Told.UNKNOWN:
        return found
    for fewer in _fewer(found):
        if (yield Query(with_moves(found.good, fewer.moves), "the change itself")) is Told.BAD:
            return fewer
    return found


def _fewer(found: FoundCause) -> Iterator[FoundCause]:
    """`found` without its companions, then without each of its packages."""
    if found.companions:
        found = replace(found, companions={}, undone=_before(found, *found.companions))
        yield found
    if len(found.narrowed) > 1:
        for one in found.narrowed:
            rest = tuple(other for other in found.narrowed if other is not one)
            yield replace(found, narrowed=rest, undone={**found.undone, **_before(found, one.package)})


def _before(found: FoundCause, *names: str) -> Moves:
    return {name: found.good.packages.get(name) for name in names}


def _steps_left(left: Interval) -> str:
    return f"{left.bad - left.good} sets of versions, by the day of their release"
