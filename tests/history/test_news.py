"""What each night says: the timelines are written as letters, one digest a letter, capitals fail."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.core.environment import Change
from harness.core.nights.news import Kind, News, Rise
from harness.core.nights.night import Judgement, Machine
from harness.core.nights.timeline import Head, Timeline
from harness.core.results.verdict import Verdict
from harness.history.news import news_of
from tests.history.nights import (
    ELSEWHERE,
    HERE,
    NEW,
    OLD,
    accepted,
    day,
    drifted,
    head,
    identical,
    lost,
    timeline,
    within,
)

MOVED = (Change("software.packages.diffusers", "0.42.1", "0.43.0"),)
SWAPPED = (Change("hardware.cpu_model", "Xeon", "EPYC"),)
SKIPPED = Judgement(Verdict.SKIPPED)


def letters(text: str) -> list[Judgement | None]:
    """`a` is the golden's bits, `b` other bits that pass, `C` a failure, `-` a night without the case."""
    return [_letter(one) for one in text]


def _letter(one: str) -> Judgement | None:
    if one in "-!?":
        return {"-": None, "!": lost(), "?": SKIPPED}[one]
    if one == "a":
        return identical("a")
    return within(1e-6, one) if one.islower() else drifted(one.lower(), f"cause-{one}", f"group-{one}")


def told(line: Timeline) -> list[tuple[Kind, str]]:
    nights = list(dict.fromkeys(one.night for one in line.seen))
    return [(one.kind, one.since) for one in news_of([line], nights)]


@pytest.mark.parametrize(
    ("nights", "kind", "since"),
    [
        ("aaB", Kind.NEW, 2),
        ("B", Kind.NEW, 0),
        ("aaBB", Kind.KNOWN, 2),
        ("aaBBC", Kind.NEW, 4),
        ("aaB--B", Kind.KNOWN, 2),
        ("aaB!!B", Kind.KNOWN, 2),
        ("aaB?B", Kind.KNOWN, 2),
        ("aa!", Kind.NEW, 2),
        ("aa!!", Kind.KNOWN, 2),
        ("aa!!a", Kind.RECOVERED, 4),
        ("aaBBc", Kind.RECOVERED, 4),
        ("aaBBa", Kind.RECOVERED, 4),
        ("aaBBaB", Kind.ALTERNATES, 5),
        ("aabba", Kind.SHIFTED, 4),
        ("aabbab", Kind.ALTERNATES, 5),
        ("aaBBaBa", Kind.KNOWN, 5),
        ("aaBBaBaa", Kind.KNOWN, 5),
        ("aaBBaBaBB", Kind.KNOWN, 5),
        ("aaBBaBC", Kind.NEW, 6),
        ("aab", Kind.SHIFTED, 2),
    ],
)
def test_the_news_of_the_last_night(nights: str, kind: Kind, since: int) -> None:
    assert told(timeline(letters(nights))) == [(kind, day(since))]


@pytest.mark.parametrize("nights", ["a", "b", "aaa", "aabb", "?", "a?", "B?", "a--a", "b?b", "aabbaba"])
def test_nights_that_say_nothing(nights: str) -> None:
    assert told(timeline(letters(nights))) == []


def test_a_fix_that_brings_the_old_bits_back_with_the_package_is_no_alternation() -> None:
    line = timeline(letters("aaBBaB"), locks={2: NEW, 4: OLD, 5: NEW})
    assert told(line) == [(Kind.NEW, day(5))]


def test_a_move_explains_one_way_only() -> None:
    line = timeline(letters("aaBBaB"), locks={2: NEW})
    assert told(line) == [(Kind.ALTERNATES, day(5))]


def test_moves_that_explain_two_ways_leave_no_alternation() -> None:
    line = timeline(letters("aaBBaB"), locks={2: NEW, 4: OLD})
    assert told(line) == [(Kind.NEW, day(5))]


def test_what_is_not_deterministic_names_what_moved_that_night_alone() -> None:
    line = timeline(letters("aaB"), locks={2: NEW}, again={2: ("a", "b")})
    (found,) = news_of([line], [one.night for one in line.seen])
    assert (found.kind, found.moved) == (Kind.NONDETERMINISTIC, MOVED)
    line = timeline(letters("aaBa"), locks={3: NEW}, again={2: ("a", "b")})
    (found,) = news_of([line], [one.night for one in line.seen])
    assert (found.kind, found.moved) == (Kind.KNOWN, ())
    line = timeline(letters("B"), again={0: ("a", "b")})
    (found,) = news_of([line], [one.night for one in line.seen])
    assert (found.kind, found.moved) == (Kind.NONDETERMINISTIC, ())


def test_what_recovered_is_the_failure_and_not_the_night_that_was_lost() -> None:
    line = timeline(letters("aaB!a"))
    (found,) = news_of([line], [one.night for one in line.seen])
    assert (found.kind, found.group) == (Kind.RECOVERED, "group-B")


def test_a_failure_names_what_moved_on_the_night_it_began() -> None:
    line = timeline(letters("aaBB"), locks={2: NEW})
    (known,) = news_of([line], [one.night for one in line.seen])
    assert known == News(
        Kind.KNOWN, "ddim/two", "cpu-x86_64", day(2), MOVED, "group-B", "values at unet (group-B)", fails=True
    )


def test_nothing_moved_where_the_failure_came_before_the_package() -> None:
    line = timeline(letters("aaBB"), locks={3: NEW})
    (known,) = news_of([line], [one.night for one in line.seen])
    assert (known.kind, known.moved) == (Kind.KNOWN, ())


def test_a_rejected_failure_is_told_with_the_day_of_the_rejection() -> None:
    rejected = replace(drifted(), rejected="2026-01-03")
    line = timeline([identical(), drifted(), rejected, rejected])
    (found,) = news_of([line], [one.night for one in line.seen])
    assert (found.kind, found.since, found.fails) == (Kind.REJECTED, "2026-01-03", True)


def test_a_case_that_passes_with_another_golden_was_accepted() -> None:
    line = timeline([identical(), drifted(), accepted(identical("b"), "golden-2")])
    (found,) = news_of([line], [one.night for one in line.seen])
    assert (found.kind, found.accepted, found.group) == (Kind.RECOVERED, True, "group-1")
    line = timeline([identical(), drifted(), identical("c")])
    (found,) = news_of([line], [one.night for one in line.seen])
    assert (found.kind, found.accepted) == (Kind.RECOVERED, False)


def test_a_golden_that_was_accepted_again_is_no_shift() -> None:
    assert told(timeline([identical(), accepted(identical("b"), "golden-2")])) == []


def test_a_failure_whose_further_runs_differ_is_nondeterministic_once() -> None:
    first = timeline(letters("aaB"), again={2: ("a", "b")})
    assert told(first) == [(Kind.NONDETERMINISTIC, day(2))]
    assert told(timeline(letters("aaBa"), again={2: ("a", "b")})) == [(Kind.KNOWN, day(2))]
    assert told(timeline(letters("aaBaB"), again={2: ("a", "b")})) == [(Kind.KNOWN, day(2))]
    assert told(timeline(letters("aaBC"), again={2: ("a", "b")})) == [(Kind.NEW, day(3))]


def test_an_alternation_that_settled_is_forgotten() -> None:
    flips = "aaBBaBa"
    assert told(timeline(letters(flips + "a" * 28)))[0] == (Kind.KNOWN, day(5))
    assert told(timeline(letters(flips + "a" * 29))) == []
    assert told(timeline(letters(flips + "a" * 31 + "B"))) == [(Kind.NEW, day(38))]
    assert told(timeline(letters(flips + "a" * 31 + "BaB"))) == [(Kind.ALTERNATES, day(40))]


def test_a_case_that_alternates_keeps_the_cause_of_its_failure() -> None:
    line = timeline(letters("aaBBaBa"))
    (found,) = news_of([line], [one.night for one in line.seen])
    assert (found.group, found.what, found.fails) == ("group-B", "values at unet (group-B)", False)


def test_a_failure_without_outputs_that_comes_and_goes_is_nondeterministic() -> None:
    raised = Judgement(Verdict.BROKEN, "golden", None, None, "cause-R", "group-R", "raised")
    line = timeline([identical(), raised], again={1: ("a", None)})
    assert told(line) == [(Kind.NONDETERMINISTIC, day(1))]


def test_what_alternates_is_not_told_again_as_nondeterministic() -> None:
    assert told(timeline(letters("aBaBaB"), again={5: ("a", "b")})) == [(Kind.KNOWN, day(3))]


def test_further_runs_that_agree_leave_a_failure_new() -> None:
    assert told(timeline(letters("aaB"), again={2: ("b", "b")})) == [(Kind.NEW, day(2))]


def test_machines_that_take_turns_each_have_their_own_past() -> None:
    turns = {number: (HERE, ELSEWHERE)[number % 2] for number in range(8)}
    # Odd nights ran elsewhere, where the case fails.
    assert told(timeline(letters("aBaBaB"), machines=turns)) == [(Kind.KNOWN, day(1))]
    assert told(timeline(letters("aBaBaBa"), machines=turns)) == []
    assert told(timeline(letters("aBaBB"), machines=turns)) == [(Kind.NEW, day(4))]


def test_a_failure_survives_the_swap_of_the_machine() -> None:
    line = timeline(letters("aaBBB"), machines={4: ELSEWHERE})
    assert told(line) == [(Kind.MACHINE, day(4)), (Kind.KNOWN, day(2))]


def test_another_machine_is_told_once() -> None:
    nights = [head(0), head(1), head(2, machine=ELSEWHERE)]
    assert news_of([], nights) == (News(Kind.MACHINE, "", "", day(2), SWAPPED),)
    assert news_of([], [*nights, head(3, machine=ELSEWHERE)]) == ()
    assert news_of([], [*nights, head(3)]) == ()


def test_a_night_without_a_worker_is_no_other_machine() -> None:
    nowhere = Head("key", head(1).started, Machine({}), {})
    assert news_of([], [head(0), nowhere]) == ()
    assert news_of([], [head(0), nowhere, head(2)]) == ()


def test_another_python_is_the_same_machine() -> None:
    upgraded = Machine({**HERE.entries, "software.python": "3.12.1"})
    assert news_of([], [head(0), head(1, machine=upgraded)]) == ()


def test_the_first_night_has_no_machine_before() -> None:
    assert news_of([], [head(0)]) == ()


def test_only_cases_of_the_last_night_are_told() -> None:
    line = timeline(letters("aaB"))
    assert news_of([line], [*(one.night for one in line.seen), head(3)]) == ()


def test_a_shift_names_what_moved_and_a_creep_how_far() -> None:
    judgements = [identical("a"), within(1e-6, "b"), within(7e-5, "c")]
    line = timeline(judgements, locks={2: NEW})
    (found,) = news_of([line], [one.night for one in line.seen])
    assert found == News(
        Kind.CREEPING, "ddim/two", "cpu-x86_64", day(2), MOVED, rise=Rise("images rel_l2", 7e-5, 1e-6, 1e-4)
    )


def test_another_machine_is_told_by_its_hardware_against_the_last_known_night() -> None:
    third = Machine({"hardware.cpu_model": "Ampere", "hardware.device": "cpu"})
    nights = [head(0, machine=third), head(1), head(2, NEW, ELSEWHERE)]
    assert news_of([], nights) == (News(Kind.MACHINE, "", "", day(2), SWAPPED),)


@pytest.mark.parametrize(("between", "lost_nights", "told"), [(29, 0, 0), (30, 0, 1), (29, 5, 0)])
def test_a_machine_is_known_for_thirty_nights_that_ran(between: int, lost_nights: int, told: int) -> None:
    nights = [head(0, machine=ELSEWHERE), *(head(number) for number in range(1, between + 1))]
    nights += [head(between + 1 + number, {}, Machine({})) for number in range(lost_nights)]
    assert len(news_of([], [*nights, head(90, machine=ELSEWHERE)])) == told
