"""The sets of versions between two ends, by the day of their release."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from harness.upgrade.blame.days import is_beyond, locks_by_day, moved_between
from harness.upgrade.index import Index
from harness.upgrade.lock import Lock
from harness.upgrade.releases import Release, Releases

START = datetime(2026, 1, 1, tzinfo=UTC)


def releases(packages: Mapping[str, Mapping[str, int | None]]) -> Releases:
    """An index with these versions, each uploaded so many days after START."""
    known = {
        name: tuple(
            Release(version, None if day is None else START + timedelta(days=day))
            for version, day in versions.items()
        )
        for name, versions in packages.items()
    }
    return Releases(Index(), _known=known)


TWO = {"a": {"1": 0, "2": 10, "3": 30}, "b": {"1": 1, "2": 20}}


def test_each_upload_makes_one_lock() -> None:
    good, bad = Lock({"a": "1", "b": "1", "c": "7"}), Lock({"a": "3", "b": "2", "c": "7"})
    found = [dict(lock.packages) for lock in locks_by_day(good, bad, releases(TWO))]
    assert found == [
        {"a": "1", "b": "1", "c": "7"},
        {"a": "2", "b": "1", "c": "7"},
        {"a": "2", "b": "2", "c": "7"},
        {"a": "3", "b": "2", "c": "7"},
    ]


def test_going_back_in_time_gives_the_same_locks_in_reverse() -> None:
    good, bad = Lock({"a": "3", "b": "2"}), Lock({"a": "1", "b": "1"})
    assert locks_by_day(good, bad, releases(TWO)) == locks_by_day(bad, good, releases(TWO))[::-1]
    assert len(locks_by_day(good, bad, releases(TWO))) == 4


def test_a_moment_before_the_older_end_was_complete_does_not_count() -> None:
    late = {"a": {"1": 0, "2": 10, "3": 30}, "b": {"1": 15, "2": 20}}
    good, bad = Lock({"a": "1", "b": "1"}), Lock({"a": "3", "b": "2"})
    found = [tuple(lock.packages.values()) for lock in locks_by_day(good, bad, releases(late))]
    assert found == [("1", "1"), ("2", "2"), ("3", "2")]


def test_a_fix_of_an_older_version_does_not_go_back() -> None:
    fixed = {"a": {"1.0": 0, "1.1": 25, "2.0": 10, "3.0": 30}}
    good, bad = Lock({"a": "1.0"}), Lock({"a": "3.0"})
    found = [lock.packages["a"] for lock in locks_by_day(good, bad, releases(fixed))]
    assert found == ["1.0", "2.0", "3.0"]


def test_without_upload_times_only_the_ends_are_known() -> None:
    unknown = {"a": {"1": 0, "2": None, "3": 30}}
    good, bad = Lock({"a": "1"}), Lock({"a": "3"})
    assert locks_by_day(good, bad, releases(unknown)) == [good, bad]


@pytest.mark.parametrize("unknown", ["1", "2", "3"])
def test_one_unknown_upload_time_is_enough(unknown: str) -> None:
    known = {"a": {"1": 0, "2": 10, "3": 30, unknown: None}}
    good, bad = Lock({"a": "1"}), Lock({"a": "3"})
    assert locks_by_day(good, bad, releases(known)) == [good, bad]


@pytest.mark.parametrize(("version", "before", "after", "beyond"), [
    ("2", "1", "3", True),
    ("1", "1", "3", False),
    ("0", "1", "3", False),
    ("2", "3", "1", True),
    ("3", "3", "1", False),
    ("4", "3", "1", False),
    (None, "1", "3", False),
    ("2", None, "3", False),
    ("2", "1", "file:///a", False),
])  # fmt: skip
def test_what_lies_beyond_the_first_on_the_way_to_the_second(
    version: str | None, before: str | None, after: str, beyond: bool
) -> None:
    assert is_beyond(version, before, after) is beyond


def test_packages_that_move_in_different_directions_have_no_common_day() -> None:
    good, bad = Lock({"a": "1", "b": "2"}), Lock({"a": "3", "b": "1"})
    assert locks_by_day(good, bad, releases(TWO)) == [good, bad]


def test_a_source_tree_has_no_day() -> None:
    good, bad = Lock({"a": "1"}), Lock({"a": "file:///a"})
    assert locks_by_day(good, bad, releases(TWO)) == [good, bad]
    assert moved_between("a", "1", "file:///a", releases(TWO)) is None


def test_a_package_that_appears_moves_with_the_last_step() -> None:
    good, bad = Lock({"a": "1"}), Lock({"a": "3", "new": "1"})
    found = [dict(lock.packages) for lock in locks_by_day(good, bad, releases(TWO))]
    assert found == [{"a": "1"}, {"a": "2"}, {"a": "3"}, {"a": "3", "new": "1"}]


@pytest.mark.parametrize(("version", "before", "after", "beyond"), [
    ("1.5", "1.0", "1.9", True),
    ("1.0", "1.0", "1.9", False),
    ("2.9.1+cu128", "2.9.1", "2.10.0", False),
    ("0.9", "1.0", "1.9", False),
    ("1.5", "1.9", "1.0", True),
    (None, "1.0", "1.9", False),
])  # fmt: skip
def test_a_golden_that_lies_on_the_way(version: str | None, before: str, after: str, *, beyond: bool) -> None:
    assert is_beyond(version, before, after) is beyond
