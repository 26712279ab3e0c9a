"""The sets of versions that existed between two ends, one after another, as the releases were uploaded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from packaging.version import InvalidVersion, Version

from harness.upgrade.blame.search import Moves, with_moves
from harness.upgrade.lock import Lock
from harness.upgrade.releases import Release, Releases


@dataclass(frozen=True, slots=True)
class Moved:
    """A package with a version at both ends, and its releases on the way; the last is the bad end's."""

    package: str
    before: str
    releases: Sequence[Release]

    @property
    def versions(self) -> tuple[str, ...]:
        """All versions on the way, both ends included."""
        return (self.before, *(one.version for one in self.releases))

    @property
    def rises(self) -> bool:
        """Whether the bad end has the newer version."""
        return Version(self.before) < Version(self.versions[-1])


def moved_between(package: str, before: str | None, after: str | None, releases: Releases) -> Moved | None:
    """The releases on the way from one version to the other; None if one of them is no version of an index.

    Raises NoReleases.
    """
    if not (_is_version(before) and _is_version(after)) or before is None or after is None:
        return None
    return Moved(package, before, releases.between(package, before, after))


def locks_by_day(good: Lock, bad: Lock, releases: Releases) -> list[Lock]:
    """The locks on the way from one end to the other, one for each moment at which a release changes them.

    A moment counts if all versions of the older end had been uploaded by then. Where an upload time is unknown, or
    packages move in different directions, only the two ends are there. Raises NoReleases.
    """
    changes = bad.moved_from(good)
    moved = [moved_between(one.what, one.golden, one.now, releases) for one in changes]
    known = [one for one in moved if one is not None]
    directions = {one.rises for one in known}
    # A package that appears or goes away has no day of its own; it moves with the last step.
    if not known or len(directions) > 1 or len(known) < sum(bool(one.golden and one.now) for one in changes):
        return [good, bad]
    if directions == {False}:
        return locks_by_day(bad, good, releases)[::-1]
    begun = [releases.uploaded(one.package, one.before) for one in known]
    times = {one.uploaded for each in known for one in each.releases}
    if None in begun or None in times:
        return [good, bad]
    start = max(one for one in begun if one)
    states = _states(known, sorted(one for one in times if one and one > start))
    return _distinct([good, *(with_moves(good, state) for state in states), bad])


def _states(moved: Sequence[Moved], times: Sequence[datetime]) -> Iterator[Moves]:
    for moment in times:
        yield {one.package: _newest(one, moment) for one in moved}


def _newest(moved: Moved, moment: datetime) -> str:
    """The newest version that had been uploaded; fixes of older ones may come after it."""
    there = [one.version for one in moved.releases if one.uploaded and one.uploaded <= moment]
    return max([moved.before, *there], key=Version)


def _distinct(locks: Sequence[Lock]) -> list[Lock]:
    kept = list[Lock]()
    for lock in locks:
        if not kept or lock != kept[-1]:
            kept.append(lock)
    return kept


def is_beyond(version: str | None, before: str | None, after: str | None) -> bool:
    """Whether a version lies after `before` on the way to `after`; False where one of them is no version."""
    if not (_is_version(version) and _is_version(before) and _is_version(after)):
        return False
    # The build of a release (+cu128) says nothing about its age.
    there, first, last = (Version(Version(one or "0").public) for one in (version, before, after))
    return there > first if last > first else there < first


def _is_version(text: str | None) -> bool:
    try:
        return text is not None and bool(Version(text))
    except InvalidVersion:
        return False
