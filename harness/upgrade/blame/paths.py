"""The ways from one end to the other: by day, release by release, commit by commit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from harness.upgrade.blame.commits import Commits
from harness.upgrade.blame.days import locks_by_day, moved_between
from harness.upgrade.blame.search import Moves, moves_between, with_moves
from harness.upgrade.installer import Installer, Unresolvable, Wish
from harness.upgrade.lock import Lock
from harness.upgrade.releases import Releases

_LAST = ("transformers", "diffusers")
"""They need other packages in new versions more often than others need them."""


@dataclass
class Paths:
    """Knows the releases and commits between two versions, and which versions fit together."""

    releases: Releases
    installer: Installer
    commits: Commits
    _fitting: dict[tuple[str, ...], Lock] = field(default_factory=dict)

    def by_day(self, good: Lock, bad: Lock) -> list[Lock]:
        """The locks on the way by the day of their release, both ends included; only these if days are unknown."""
        return locks_by_day(good, bad, self.releases)

    def coexisting(self, lock: Lock, good: Lock, bad: Lock) -> Lock:
        """The newest versions up to those in `lock` that fit together on paper; `lock` itself if none do."""
        key = lock.requirements()
        if key not in self._fitting:
            self._fitting[key] = self._fits(lock, good, bad)
        return self._fitting[key]

    def _fits(self, lock: Lock, good: Lock, bad: Lock) -> Lock:
        found = (self._resolved(lock, good, bad, sign) for sign in ("==", "<="))
        return next(filter(None, found), lock)

    def _resolved(self, lock: Lock, good: Lock, bad: Lock, sign: str) -> Lock | None:
        """Versions that fit together and are `sign` those in `lock`; None if there are none."""
        moves = moves_between(good, bad)
        names = [name for name in moves if name in lock.packages]
        rest = lock.words(name for name in lock.packages if name not in names)
        # What the bad end has besides is needed from some release on: the resolver knows from which.
        new = {name: version for name, version in moves.items() if name not in good.packages and version}
        wanted = tuple(f"{name}{sign}{lock.packages[name]}" for name in names)
        try:
            found = self.installer.resolve(Wish(wanted, rest, with_moves(lock, new))).packages
        except Unresolvable:
            return None
        # Only what moves between the ends may move: what else a resolver adds was not there at either of them.
        moved = {name: found.get(name, lock.packages[name]) for name in names}
        return with_moves(lock, {name: new[name] for name in new if name in found} | moved)

    def ordered(self, moves: Moves) -> Moves:
        """`moves` in the order in which they are tried."""
        names = sorted(moves, key=lambda name: (_LAST.index(name) if name in _LAST else -1, name))
        return {name: moves[name] for name in names}

    def versions(self, package: str, before: str | None, after: str | None) -> Sequence[str | None]:
        """Every version on the way from one to the other, both included: releases, or commits of a source tree."""
        moved = moved_between(package, before, after, self.releases)
        if moved is not None:
            return moved.versions
        return self.commits.between(before, after) or (before, after)

    def step_by_step(self, good: Lock, bad: Lock) -> list[Lock]:
        """Every lock on the way: by day, else one package after the other, release by release."""
        by_day = self.by_day(good, bad)
        if len(by_day) > 2:
            whole = (self._resolved(lock, good, bad, "==") or lock for lock in by_day[1:-1])
            return [good, *whole, bad]
        locks = [good]
        for name, after in self.ordered(moves_between(good, bad)).items():
            steps = self.versions(name, good.packages.get(name), after)[1:]
            locks += [with_moves(locks[-1], {name: version}) for version in steps]
        return locks
