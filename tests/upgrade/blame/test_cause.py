"""Which packages and releases are the cause, in worlds whose rule is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from packaging.version import Version

from harness.upgrade.blame.cause import FoundCause, cause_between
from harness.upgrade.blame.commits import Commits
from harness.upgrade.blame.paths import Paths
from harness.upgrade.blame.search import Told
from harness.upgrade.index import Index
from harness.upgrade.lock import Lock
from harness.upgrade.releases import Release, Releases
from tests.upgrade.blame.a_world import NoInstaller
from tests.upgrade.blame.test_search import answered

TEN = tuple(f"1.{number}" for number in range(10))

Rule = Callable[[Mapping[str, str]], Told]


def minor(version: str) -> int:
    return Version(version).minor


def found(good: Mapping[str, str], bad: Mapping[str, str], rule: Rule) -> FoundCause:
    """The cause between two sets of versions, by `rule`."""
    releases = Releases(Index(), _known={name: tuple(map(Release, TEN)) for name in "pq"})
    paths = Paths(releases, NoInstaller(), Commits(Path("none")))
    cause, _ = answered(cause_between(Lock(good), Lock(bad), paths), lambda lock: rule(lock.packages))
    return cause


def test_what_goes_there_and_back_is_what_moved() -> None:
    cause = found({"p": "1.0", "q": "1"}, {"p": "1.9", "q": "2"}, lambda one: _since(one, 4))
    assert (cause.moves, cause.back) == ({"p": "1.4"}, {"p": "1.3"})


def test_what_only_later_releases_need_is_neither_cause_nor_companion() -> None:
    """From 1.7 on p needs `new`, which the releases around the change at 1.4 cannot stand."""

    def rule(one: Mapping[str, str]) -> Told:
        if (minor(one["p"]) >= 7) is not ("new" in one):
            return Told.UNKNOWN
        return _since(one, 4)

    cause = found({"p": "1.0"}, {"p": "1.9", "new": "1"}, rule)
    assert (cause.moves, cause.back) == ({"p": "1.4"}, {"p": "1.3", "new": None})
    assert cause.companions == {}


def test_a_companion_that_the_change_needs_stays_one() -> None:
    def rule(one: Mapping[str, str]) -> Told:
        return Told.UNKNOWN if minor(one["p"]) >= 4 and "new" not in one else _since(one, 4)

    cause = found({"p": "1.0"}, {"p": "1.9", "new": "1"}, rule)
    assert (cause.moves, cause.back) == ({"p": "1.4", "new": "1"}, {"p": "1.3"})


def _since(packages: Mapping[str, str], first: int) -> Told:
    return Told.BAD if minor(packages["p"]) >= first else Told.GOOD
