"""Several inquiries side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from harness.core.case import Case
from harness.core.results.blame import Blame, BlameOutcome
from harness.upgrade.blame.conduct import conduct_all
from harness.upgrade.blame.inquiry import Ask, CaseInquiry, Inquiry
from harness.upgrade.blame.runs import Seen
from harness.upgrade.lock import Lock
from harness.upgrade.releases import NoReleases
from tests.golden.builders import a_case

ANSWER = Seen(None, "an answer")


class Asking:
    """An inquiry that wants the runs of `versions`, one after the other."""

    def __init__(self, name: str, *versions: str) -> None:
        self.case = a_case(name)
        self.versions = versions
        self.answers: list[tuple[Seen, ...]] = []

    def conduct(self) -> Inquiry[Blame]:
        for version in self.versions:
            self.answers.append((yield Ask(Lock({"p": version}), 2, f"about {version}")))
        return Blame(self.case.id, BlameOutcome.BLAMED)


class Answering:
    """Answers everything, and keeps which cases asked for which version at a time."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, list[str]]] = []

    def see(self, lock: Lock, wanted: Sequence[tuple[Case, int]]) -> list[tuple[Seen, ...]]:
        self.asked.append((lock.packages["p"], [case.id for case, _ in wanted]))
        return [(ANSWER,) * count for _, count in wanted]


def conducted(runner: Answering, *about: Asking, notes: list[str] | None = None) -> list[str]:
    inquiries = cast("Sequence[CaseInquiry]", about)
    told = notes if notes is not None else []
    return [blame.case for blame in conduct_all(inquiries, runner, told.append)]


def test_what_most_cases_wait_for_comes_first_and_is_asked_once() -> None:
    runner = Answering()
    conducted(runner, Asking("a", "1", "2"), Asking("b", "2", "3"), Asking("c", "2", "3"))
    assert runner.asked == [("2", ["b", "c"]), ("3", ["b", "c"]), ("1", ["a"]), ("2", ["a"])]


def test_each_gets_as_many_answers_as_it_asked_for() -> None:
    one = Asking("a", "1")
    assert conducted(Answering(), one) == ["a"]
    assert one.answers == [(ANSWER, ANSWER)]


def test_a_blame_is_given_as_soon_as_it_is_known() -> None:
    assert conducted(Answering(), Asking("long", "1", "2"), Asking("short", "1"), Asking("at once")) == [
        "at once", "short", "long",
    ]  # fmt: skip


def test_the_notes_name_the_cases_and_what_is_left() -> None:
    notes = list[str]()
    conducted(Answering(), Asking("a", "1"), Asking("b", "1"), notes=notes)
    assert notes == ["a, b: about 1"]


def test_an_error_of_one_ends_the_search() -> None:
    class Failing(Answering):
        def see(self, lock: Lock, wanted: Sequence[tuple[Case, int]]) -> Any:
            raise NoReleases(f"{lock} {wanted}")

    with pytest.raises(NoReleases):
        conducted(Failing(), Asking("a", "1"))
