"""The ways from one end to the other."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.upgrade.blame.commits import Commits
from harness.upgrade.blame.paths import Paths
from harness.upgrade.index import Index
from harness.upgrade.installer import Unresolvable, Wish
from harness.upgrade.lock import Lock
from harness.upgrade.releases import Release, Releases
from tests.upgrade.blame.a_world import NoInstaller

KNOWN = {"a": ("1", "2", "3"), "b": ("1", "2"), "c": ("1", "2")}
GOOD, BAD = Lock({"a": "1", "b": "1", "c": "1"}), Lock({"a": "3", "b": "2", "c": "1"})


class Strict(NoInstaller):
    """Accepts `allowed` sets of versions of a and b alone; keeps the wishes."""

    def __init__(self, allowed: set[tuple[str, str]]) -> None:
        super().__init__()
        self.allowed = allowed
        self.wishes: list[Wish] = []

    def resolve(self, wish: Wish) -> Lock:
        self.wishes.append(wish)
        found = [
            pair
            for pair in sorted(self.allowed, reverse=True)
            if all(self._meets(name, version, wish) for name, version in zip("ab", pair, strict=True))
        ]
        if not found:
            raise Unresolvable("contradiction")
        return Lock({**wish.preferred.packages, "a": found[0][0], "b": found[0][1], "c": "9"})

    @staticmethod
    def _meets(name: str, version: str, wish: Wish) -> bool:
        words = [word for word in wish.requirements if word.startswith(name)]
        return all(version == word[3:] if "==" in word else version <= word[3:] for word in words)


def paths(installer: NoInstaller | None = None) -> Paths:
    known = {name: tuple(map(Release, versions)) for name, versions in KNOWN.items()}
    return Paths(Releases(Index(), _known=known), installer or NoInstaller(), Commits(Path("none")))


def test_versions_that_fit_together_are_taken_as_they_are() -> None:
    strict = Strict({("3", "2"), ("2", "1")})
    assert paths(strict).coexisting(BAD, GOOD, BAD) == BAD
    assert strict.wishes[0].requirements == ("a==3", "b==2")


def test_others_go_back_to_the_newest_that_fit_and_nothing_else_moves() -> None:
    strict = Strict({("2", "1"), ("1", "1")})
    assert paths(strict).coexisting(BAD, GOOD, BAD).packages == {"a": "2", "b": "1", "c": "1"}


class Needing(NoInstaller):
    """a from 2 on needs `new`."""

    def resolve(self, wish: Wish) -> Lock:
        packages = dict(wish.preferred.packages)
        if packages["a"] == "1":
            packages.pop("new", None)
        return Lock({**packages, "unheard-of": "1"})


def test_what_the_bad_end_needs_besides_comes_with_the_release_that_needs_it() -> None:
    bad = Lock({**BAD.packages, "new": "7"})
    ways = paths(Needing())
    found = [ways.coexisting(Lock({**GOOD.packages, "a": one}), GOOD, bad).packages for one in "12"]
    assert found == [GOOD.packages, {**GOOD.packages, "a": "2", "new": "7"}]


def test_what_fits_nowhere_on_paper_is_tried_as_it_is_and_asked_once() -> None:
    strict = Strict(set())
    ways = paths(strict)
    for _ in range(2):
        assert ways.coexisting(BAD, GOOD, BAD) == BAD
    assert len(strict.wishes) == 2


def test_the_pipeline_libraries_move_last() -> None:
    moves = {"diffusers": "2", "numpy": "2", "transformers": "2", "accelerate": None}
    assert list(paths().ordered(moves)) == ["accelerate", "numpy", "transformers", "diffusers"]


def test_without_days_one_package_after_the_other_goes_its_way() -> None:
    found = [tuple(lock.packages[name] for name in "ab") for lock in paths().step_by_step(GOOD, BAD)]
    assert found == [("1", "1"), ("2", "1"), ("3", "1"), ("3", "2")]


@pytest.mark.parametrize(("before", "after", "versions"), [
    ("1", "3", ("1", "2", "3")),
    ("3", "1", ("3", "2", "1")),
    (None, "3", (None, "3")),
    ("2", None, ("2", None)),
    ("1", "https://example.org/a-3-py3-none-any.whl", ("1", "https://example.org/a-3-py3-none-any.whl")),
])  # fmt: skip
def test_the_versions_on_the_way(
    before: str | None, after: str | None, versions: tuple[str | None, ...]
) -> None:
    assert tuple(paths().versions("a", before, after)) == versions
