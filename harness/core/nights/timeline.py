"""A case through the nights: what each of them saw, in order of time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from harness.core.environment import Change
from harness.core.nights.night import Cost, Judgement, Lock, Machine

PACKAGE = "software.packages."
"""How the entry of a package begins, as in the environment of a run."""


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """A night without its results: where and with which packages it ran. There is one object for each night."""

    key: str
    started: datetime
    machine: Machine
    lock: Lock
    folder: str = ""
    code: int | None = None

    @property
    def day(self) -> str:
        """The day on which it began, UTC in ISO 8601."""
        return self.started.date().isoformat()

    @property
    def known(self) -> bool:
        """Whether a worker started, so that it is known where the night ran."""
        return bool(self.machine.entries)


@dataclass(frozen=True, slots=True)
class Seen:
    """A case as one night saw it; `again` are the digests of its further runs, as in `Judged`."""

    night: Head
    judgement: Judgement
    cost: Cost = Cost()
    again: tuple[str | None, ...] = ()

    @property
    def unstable(self) -> bool:
        """Whether a further run of the same night gave other outputs."""
        return any(one != self.judgement.outputs for one in self.again)


@dataclass(frozen=True, slots=True)
class Timeline:
    """A case on a platform: what the nights saw of it, the latest last; never empty."""

    case: str
    platform: str
    seen: tuple[Seen, ...]

    @property
    def now(self) -> Seen:
        """What the last night saw."""
        return self.seen[-1]

    @property
    def earlier(self) -> tuple[Seen, ...]:
        """What the nights before saw."""
        return self.seen[:-1]


def moved_between(before: Head, after: Head) -> tuple[Change, ...]:
    """What differs between the environments of two nights, packages first; nothing if one of them is unknown.

    A package that only one night has is not told: which packages a run imports depends on its cases.
    """
    if not (before.known and after.known) or before is after:
        return ()
    shared = before.lock.keys() & after.lock.keys()
    packages = _differing({name: before.lock[name] for name in shared}, after.lock, PACKAGE)
    return (*packages, *_differing(before.machine.entries, after.machine.entries))


def _differing(ours: Mapping[str, str], theirs: Mapping[str, str], prefix: str = "") -> Iterator[Change]:
    names = sorted(ours.keys() | theirs.keys()) if not prefix else sorted(ours)
    for name in names:
        if ours.get(name) != theirs.get(name):
            yield Change(f"{prefix}{name}", ours.get(name), theirs.get(name))
