"""What a night says that the nights before did not, case by case and as it is told."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from harness.core.environment import Change


class Kind(StrEnum):
    """The kinds of news, the most urgent first."""

    NEW = "new"
    NONDETERMINISTIC = "nondeterministic"
    ALTERNATES = "alternates"
    CREEPING = "creeping"
    SLOWER = "slower"
    HEAVIER = "heavier"
    RECOVERED = "recovered"
    MACHINE = "machine"
    KNOWN = "known"
    REJECTED = "rejected"
    SHIFTED = "shifted"


LOUD = frozenset(set(Kind) - {Kind.KNOWN, Kind.REJECTED, Kind.SHIFTED})
"""What somebody is told; the rest stands in the report of the night."""

FAILING = frozenset({Kind.NEW, Kind.NONDETERMINISTIC, Kind.KNOWN, Kind.ALTERNATES})
"""What a case has that fails tonight, or that fails on other nights, unless somebody rejected that."""


@dataclass(frozen=True, slots=True)
class Rise:
    """A quantity that grew: an output's metric, or what a run costs (`of` is then `seconds` or `memory`).

    `before` is what it was (None if unknown), `limit` what it must not exceed (None if there is none).
    """

    of: str
    now: float
    before: float | None = None
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class News:
    """One thing about one case; `case` and `platform` are "" if it is about the whole night.

    `since` is the day (ISO 8601) on which it began, `moved` what moved in the environment that night. `group` is the
    fingerprint that failures of one cause share, `what` says the failure in words; of a case that alternates, they are
    those of its last failure. A case that recovered with another
    golden was `accepted`. `fails` says whether the case fails tonight.
    """

    kind: Kind
    case: str
    platform: str
    since: str
    moved: tuple[Change, ...] = ()
    group: str = ""
    what: str = ""
    rise: Rise | None = None
    accepted: bool = False
    fails: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """The news of one cause: the same kind, the same failure, the same night, the same moves; never empty."""

    news: tuple[News, ...]

    @property
    def first(self) -> News:
        """The news that stands for the others."""
        return self.news[0]

    @property
    def kind(self) -> Kind:
        """The kind that all of them share."""
        return self.first.kind

    @property
    def loud(self) -> bool:
        """Whether somebody is told."""
        return self.kind in LOUD


def items_of(news: tuple[News, ...]) -> tuple[Item, ...]:
    """The news grouped by cause, the most urgent kind first; within a kind, the largest group."""
    groups = dict[object, list[News]]()
    for one in news:
        groups.setdefault((one.kind, one.group, one.since, one.moved, one.accepted), []).append(one)
    order = list(Kind)
    found = (Item(tuple(group)) for group in groups.values())
    return tuple(sorted(found, key=lambda item: (order.index(item.kind), -len(item.news))))
