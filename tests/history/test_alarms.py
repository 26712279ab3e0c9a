from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from harness.core.environment import Change
from harness.core.nights.news import Kind, Rise
from harness.core.nights.night import Cost, Judgement, Machine, Measured
from harness.core.nights.timeline import Timeline
from harness.core.results.verdict import Verdict
from harness.history.alarms import costs, creeping, risen
from tests.history.nights import ELSEWHERE, HERE, NEW, accepted, day, drifted, identical, timeline, within

GIB = 2**30


@pytest.mark.parametrize(
    ("values", "rise"),
    [
        ([1e-6, 1.9e-6], None),
        ([1e-6, 2.1e-6], (2.1e-6, 1e-6)),
        ([1e-6, 5e-6, 9e-6], None),
        ([0.0, 1e-6], None),
        ([0.0, 5.1e-5], (5.1e-5, 0.0)),
        ([4.9e-5, 5.1e-5], (5.1e-5, 4.9e-5)),
        ([5.1e-5, 6e-5], None),
        ([6e-5, 1e-6, 6.1e-5], None),
        ([2e-5, 1e-6, 2.1e-6], None),
    ],
)
def test_a_metric_creeps_when_it_doubles_and_when_it_crosses_half_its_limit(
    values: Sequence[float], rise: tuple[float, float] | None
) -> None:
    line = timeline([within(value, str(place)) for place, value in enumerate(values)])
    expected = None if rise is None else Rise("images rel_l2", rise[0], rise[1], 1e-4)
    assert creeping(line) == expected


def test_a_golden_that_was_accepted_begins_anew() -> None:
    line = timeline([accepted(within(1e-6, "a"), "golden-0"), within(3e-6, "b")])
    assert creeping(line) is None


def test_a_failure_does_not_raise_what_was_seen() -> None:
    line = timeline([within(1e-6, "a"), drifted("b"), within(3e-6, "c")])
    assert creeping(line) == Rise("images rel_l2", 3e-6, 1e-6, 1e-4)


def test_no_metric_without_a_limit_creeps_nor_one_that_should_be_large() -> None:
    def measured(psnr: float, ulp: float) -> Judgement:
        metrics = (
            Measured("images", "psnr", psnr, 40.0),
            Measured("images", "max_ulp", ulp, None),
            Measured("images", "rel_l2", None, 1e-4),
        )
        return Judgement(Verdict.WITHIN, "golden", str(psnr), metrics=metrics)

    assert creeping(timeline([measured(41.0, 1.0), measured(95.0, 9.0)])) is None


def test_the_metric_nearest_to_its_limit_is_told() -> None:
    def measured(max_abs: float, rel_l2: float) -> Judgement:
        metrics = (Measured("images", "max_abs", max_abs, 1.0), Measured("images", "rel_l2", rel_l2, 1.0))
        return Judgement(Verdict.WITHIN, "golden", str(max_abs), metrics=metrics)

    found = creeping(timeline([measured(0.01, 0.01), measured(0.03, 0.06)]))
    assert found == Rise("images rel_l2", 0.06, 0.01, 1.0)


FLAT = [1.0, 1.01, 0.99] * 10


@pytest.mark.parametrize(
    ("recent", "rise"),
    [
        ([1.21, 1.21, 1.21, 1.0, 1.0], Rise("seconds", 1.21, 1.0)),
        ([1.2, 1.2, 1.2, 1.2, 1.2], None),
        ([9.0, 9.0, 1.0, 1.0, 1.0], None),
        ([0.5] * 5, None),
    ],
)
def test_the_median_of_five_nights_against_that_of_thirty(recent: list[float], rise: Rise | None) -> None:
    assert risen("seconds", FLAT + recent) == rise


def test_a_rise_has_to_leave_the_noise() -> None:
    noisy = [1.0, 1.1, 0.9] * 10  # median 1, MAD 0.1: four of them are 0.4
    assert risen("seconds", noisy + [1.4] * 5) is None
    assert risen("seconds", noisy + [1.41] * 5) == Rise("seconds", 1.41, 1.0)


def test_only_the_thirty_nights_before_count_and_a_rise_is_a_share_of_them() -> None:
    tenths = [value / 10 for value in FLAT]
    assert risen("seconds", [9.0] * 40 + tenths + [0.13] * 5) == Rise("seconds", 0.13, 0.1)
    assert risen("seconds", [0.01] * 40 + [value * 100 for value in FLAT] + [115.0] * 5) is None


def test_thirty_five_nights_are_needed() -> None:
    assert risen("seconds", FLAT[1:] + [2.0] * 5) is None
    assert risen("seconds", FLAT + [2.0] * 5) is not None


def line_of(seconds: Sequence[float], **how: object) -> Timeline:
    spent = [Cost(0.1, value, value + 1, round(value * GIB)) for value in seconds]
    return timeline([identical()] * len(spent), costs=spent, **how)  # type: ignore[arg-type]


def test_what_costs_more_is_told_once_with_the_night_and_the_package() -> None:
    seconds = [*FLAT, *FLAT, *[2.0] * 40]
    locks = {60: NEW}
    found = {
        end: [(one.kind, one.since, one.moved) for one in costs(line_of(seconds[:end], locks=locks))]
        for end in range(1, len(seconds) + 1)
    }
    told = {end: news for end, news in found.items() if news}
    moved = line_of(seconds[:61], locks=locks).seen
    assert list(told) == [63]
    assert [(kind, since) for kind, since, _ in told[63]] == [(Kind.SLOWER, day(60)), (Kind.HEAVIER, day(60))]
    assert [change.what for _, _, changes in told[63] for change in changes] == [
        "software.packages.diffusers"
    ] * 2
    assert moved[60].night.lock == NEW


def test_another_machine_or_another_python_begins_anew() -> None:
    seconds = [*FLAT, *[2.0] * 5]
    assert list(costs(line_of(seconds)))
    assert not list(costs(line_of(seconds, machines={30: ELSEWHERE})))
    upgraded = Machine({**HERE.entries, "software.python": "3.12.1"})
    assert not list(costs(line_of(seconds, machines={30: upgraded})))


def test_nights_of_other_machines_in_between_do_not_count() -> None:
    turns = {number: (HERE, ELSEWHERE)[number % 2] for number in range(70)}
    own = [*FLAT, *[2.0] * 5]
    mixed = [value for one in own for value in (one, 77.0)][:-1]
    (slower, heavier) = costs(line_of(mixed, machines=turns))
    assert (slower.rise, heavier.kind) == (Rise("seconds", 2.0, 1.0), Kind.HEAVIER)


def test_noise_alone_is_rarely_told() -> None:
    rng = random.Random(7)
    alarms = 0
    for _ in range(20):
        seconds = [rng.lognormvariate(0, 0.05) for _ in range(120)]
        alarms += sum(risen("", seconds[:end]) is not None for end in range(35, 121))
    assert alarms == 0


def test_a_case_that_gives_new_bits_every_night_only_creeps_across_half_its_limit() -> None:
    values = [1e-6, 1e-6, 1e-6, 1e-6, 1e-6]
    unseeded = [within(value, str(place)) for place, value in enumerate(values)]
    steady = [within(value, "same") for value in values]
    assert creeping(timeline([*unseeded, within(3e-6, "new")])) is None
    assert creeping(timeline([*unseeded, within(6e-5, "new")])) is not None
    assert creeping(timeline([*steady, within(3e-6, "new")])) is not None


def test_a_rise_began_with_its_first_risen_night_or_the_move_among_them() -> None:
    seconds = [*FLAT, *FLAT, *[2.0] * 3]
    between = {**NEW, "diffusers": "0.42.9"}
    (slower, _) = costs(line_of(seconds, locks={59: between, 60: NEW}))
    assert (slower.since, slower.moved) == (
        day(60),
        (Change("software.packages.diffusers", "0.42.9", "0.43.0"),),
    )
    (slower, _) = costs(line_of(seconds, locks={59: NEW}))
    assert (slower.since, slower.moved) == (day(60), ())
    (slower, _) = costs(line_of(seconds, locks={61: NEW}))
    assert (slower.since, len(slower.moved)) == (day(61), 1)


def test_a_night_without_a_cost_tells_no_rise() -> None:
    seconds = [*FLAT, *FLAT, *[2.0] * 3]
    spent = [Cost(run=value) for value in seconds]
    assert [one.kind for one in costs(timeline([identical()] * 63, costs=spent))] == [Kind.SLOWER]
    assert not list(costs(timeline([identical()] * 64, costs=[*spent, Cost()])))


def test_runs_that_gave_no_outputs_cost_nothing() -> None:
    spent = [Cost(run=value) for value in (*FLAT, *[2.0] * 5)]
    raised = Judgement(Verdict.BROKEN, "golden", None, cause="raised")
    assert not list(costs(timeline([*[identical()] * 30, *[raised] * 5], costs=spent)))


def test_nights_before_another_python_do_not_count_even_if_it_comes_back() -> None:
    upgraded = Machine({**HERE.entries, "software.python": "3.12.1"})
    line = line_of([*FLAT, 1.0, *[2.0] * 5], machines={30: upgraded, 31: HERE})
    assert not list(costs(line))
