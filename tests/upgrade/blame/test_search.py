"""The searches, against predicates over versions that are known."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.upgrade.blame.search import (
    Cause,
    Interval,
    Query,
    Search,
    Told,
    bisect,
    moves_between,
    narrow,
    smallest_cause,
    with_moves,
)
from harness.upgrade.lock import Lock

Found = TypeVar("Found")

GOOD, BAD, UNKNOWN = Told.GOOD, Told.BAD, Told.UNKNOWN


def answered(search: Search[Found], tell: Callable[[Lock], Told]) -> tuple[Found, list[Query]]:
    """What the search finds if `tell` answers it, and what it asked."""
    asked = list[Query]()
    try:
        asked.append(next(search))
        while True:
            asked.append(search.send(tell(asked[-1].lock)))
    except StopIteration as end:
        found: Found = end.value
        return found, asked


def bisected(tells: Sequence[Told]) -> tuple[Interval, int]:
    """The interval in a sequence of answers whose first and last are not asked, and how many questions it took."""
    locks = [Lock({"p": str(number)}) for number in range(len(tells))]

    def ask(place: int, _left: Interval) -> Search[Told]:
        return (yield Query(locks[place]))

    found, asked = answered(bisect(len(tells), ask), lambda lock: tells[int(lock.packages["p"])])
    assert all(0 < int(one.lock.packages["p"]) < len(tells) - 1 for one in asked)
    return found, len(asked)


@given(st.integers(2, 300), st.data())
def test_bisection_finds_the_place_in_logarithmic_time(count: int, data: st.DataObject) -> None:
    first_bad = data.draw(st.integers(1, count - 1))
    found, asked = bisected([GOOD] * first_bad + [BAD] * (count - first_bad))
    assert found == Interval(first_bad - 1, first_bad)
    assert asked <= math.ceil(math.log2(max(count - 1, 1)))


@given(st.integers(3, 60), st.data())
def test_bisection_steps_over_what_says_nothing(count: int, data: st.DataObject) -> None:
    first_bad = data.draw(st.integers(1, count - 1))
    tells = [GOOD] * first_bad + [BAD] * (count - first_bad)
    for place in data.draw(st.sets(st.integers(1, count - 2), max_size=count)):
        tells[place] = UNKNOWN
    found, _ = bisected(tells)
    good = [place for place in range(first_bad) if tells[place] is not UNKNOWN]
    bad = [place for place in range(first_bad, count) if tells[place] is not UNKNOWN]
    assert found == Interval(max(good), min(bad))


def lock(names: Sequence[str], version: str) -> Lock:
    return Lock(dict.fromkeys(names, version))


@given(st.integers(1, 40), st.data())
def test_the_one_package_that_matters_is_found_in_logarithmic_time(count: int, data: st.DataObject) -> None:
    names = [f"p{number:02}" for number in range(count)]
    culprit = data.draw(st.sampled_from(names))
    found, asked = answered(
        smallest_cause(lock(names, "1"), dict.fromkeys(names, "2")),
        lambda one: BAD if one.packages[culprit] == "2" else GOOD,
    )
    assert found == Cause((culprit,))
    assert len(asked) <= math.ceil(math.log2(count)) + 1


@pytest.mark.parametrize("size", [1, 2, 3])
def test_packages_that_matter_only_together_are_found_together(size: int) -> None:
    names = list("abcdef")
    for together in combinations(names, size):
        found, asked = answered(
            smallest_cause(lock(names, "1"), dict.fromkeys(names, "2")),
            lambda one, together=together: (
                BAD if all(one.packages[name] == "2" for name in together) else GOOD
            ),
        )
        assert found == Cause(together)
        assert len(asked) <= size * (math.ceil(math.log2(len(names))) + 2) + size


def test_a_package_that_runs_only_with_its_companion_is_not_separated_from_it() -> None:
    names = list("abcd")

    def tell(one: Lock) -> Told:
        if one.packages["b"] != one.packages["c"]:
            return UNKNOWN
        return BAD if one.packages["c"] == "2" else GOOD

    found, _ = answered(smallest_cause(lock(names, "1"), dict.fromkeys(names, "2")), tell)
    assert found == Cause(("b", "c"))


def test_what_only_has_to_be_there_is_a_companion_and_no_cause() -> None:
    """The new c needs the new b, which changes nothing by itself."""

    def tell(one: Lock) -> Told:
        if one.packages["c"] == "2" and one.packages["b"] == "1":
            return UNKNOWN
        return BAD if one.packages["c"] == "2" else GOOD

    names = list("abcd")
    found, _ = answered(smallest_cause(lock(names, "1"), dict.fromkeys(names, "2")), tell)
    assert found == Cause(("c",), ("b",))


def test_either_of_two_packages_suffices_and_one_is_named() -> None:
    names = list("abcd")

    def tell(one: Lock) -> Told:
        return BAD if "2" in (one.packages["b"], one.packages["d"]) else GOOD

    found, _ = answered(smallest_cause(lock(names, "1"), dict.fromkeys(names, "2")), tell)
    assert found == Cause(("b",))


def test_a_package_that_appears_and_one_that_goes_away_can_be_the_cause() -> None:
    good, bad = Lock({"a": "1", "gone": "1"}), Lock({"a": "2", "new": "3"})
    moves = moves_between(good, bad)
    assert moves == {"a": "2", "gone": None, "new": "3"}
    assert with_moves(good, moves) == bad
    for culprit in moves:
        found, _ = answered(
            smallest_cause(good, moves),
            lambda one, name=culprit: BAD if one.packages.get(name) == moves[name] else GOOD,
        )
        assert found == Cause((culprit,))


def test_narrowing_finds_the_release_and_names_those_that_do_not_run() -> None:
    versions = [f"1.{number}" for number in range(10)]

    def tell(one: Lock) -> Told:
        number = int(one.packages["p"].removeprefix("1."))
        return UNKNOWN if number in (4, 5) else BAD if number >= 5 else GOOD

    good = Lock({"p": "1.0", "q": "1"})
    found, asked = answered(narrow("p", [good], versions), tell)
    assert (found.before, found.after, found.untold) == ("1.3", "1.6", ("1.4", "1.5"))
    assert {one.lock.packages["q"] for one in asked} == {"1"}
    assert all("p 1." in one.left for one in asked)


def test_narrowing_tries_the_next_environment_where_nothing_runs_in_the_first() -> None:
    """p from 1.5 on needs q 2, and q 2 needs that p: below 1.5 only q 1 runs."""
    versions = [f"1.{number}" for number in range(10)]

    def tell(one: Lock) -> Told:
        number = int(one.packages["p"].removeprefix("1."))
        if (number >= 5) is not (one.packages["q"] == "2"):
            return UNKNOWN
        return BAD if number >= 5 else GOOD

    bases = [Lock({"p": "1.9", "q": "2"}), Lock({"p": "1.0", "q": "1"})]
    found, _ = answered(narrow("p", bases, versions), tell)
    assert (found.before, found.after, found.untold) == ("1.4", "1.5", ())


@pytest.mark.parametrize(("count", "told"), [
    (3, "one of p0, p1, p2"),
    (4, "one of p0, p1, p2, p3"),
    (7, "one of p0, p1, p2, p3 and 3 more"),
])  # fmt: skip
def test_what_is_left_is_told_in_a_line(count: int, told: str) -> None:
    names = [f"p{number}" for number in range(count)]
    _, asked = answered(
        smallest_cause(lock(names, "1"), dict.fromkeys(names, "2")),
        lambda one: BAD if one.packages["p0"] == "2" else GOOD,
    )
    assert asked[0].left == told
