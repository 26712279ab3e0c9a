from __future__ import annotations

import pytest

from harness.core.environment import Change
from harness.core.nights.night import Judgement
from harness.core.results.verdict import Verdict
from harness.history import past
from tests.history.nights import ELSEWHERE, HERE, NEW, accepted, drifted, identical, lost, timeline


def test_failures_are_the_same_by_their_cause_and_passes_by_their_bits() -> None:
    line = timeline(
        [drifted("b"), drifted("c"), drifted("b", "cause-2"), identical("a"), identical("b"), lost()]
    )
    first, other_bits, other_cause, passes, other_pass, nothing = line.seen
    assert past.same(first, other_bits)
    assert not past.same(first, other_cause)
    assert not past.same(first, passes)
    assert not past.same(passes, other_pass)
    assert past.same(passes, passes)
    assert not past.same(first, nothing)


def test_a_failure_began_after_the_last_night_that_found_something_else() -> None:
    line = timeline([drifted(), identical(), drifted(), lost(), drifted()], locks={2: NEW})
    first, moved = past.began(line)
    assert first is line.seen[2]
    assert moved == (Change("software.packages.diffusers", "0.42.1", "0.43.0"),)


def test_passes_on_other_machines_do_not_end_a_failure() -> None:
    turns = {0: HERE, 1: ELSEWHERE, 2: HERE, 3: ELSEWHERE}
    line = timeline([drifted(), identical(), drifted(), identical()][:3], machines=turns)
    first, moved = past.began(line)
    assert (first, moved) == (line.seen[0], ())


def test_outputs_are_compared_under_one_golden() -> None:
    line = timeline(
        [identical("a"), accepted(identical("b"), "golden-2"), identical("a"), lost(), identical("c")]
    )
    assert [one.judgement.outputs for one in past.since_golden(line)] == ["a", "a", "c"]


def test_an_alternation_goes_there_and_back_twice() -> None:
    assert past.alternation(timeline([identical(one) for one in "aba"])) is None
    assert past.alternation(timeline([identical(one) for one in "abac"])) is None
    found = past.alternation(timeline([identical(one) for one in "aabbabab"]))
    assert found is not None
    assert found.digests == {"a", "b"}
    assert found.shown.night.key == "key-5"


@pytest.mark.parametrize(("elsewhere", "place"), [(13, 0), (14, 14)])
def test_a_machine_keeps_its_own_past_for_fourteen_nights(elsewhere: int, place: int) -> None:
    line = timeline([identical()] * (elsewhere + 2), machines={1: ELSEWHERE, elsewhere + 1: HERE})
    assert past.before(line) is line.seen[place]


def test_nights_that_found_nothing_out_are_passed_over() -> None:
    allowed = Judgement(Verdict.NO_GOLDEN)
    line = timeline([identical(), lost(), Judgement(Verdict.SKIPPED), allowed, identical()])
    assert past.before(line) is line.seen[0]
    assert past.before(line, decided=False) is line.seen[1]
    assert not past.same(line.seen[2], line.now)


def test_what_moved_is_seen_from_the_nearest_night_before() -> None:
    line = timeline(
        [identical(), identical(), drifted(), drifted()], locks={1: NEW}, machines={0: ELSEWHERE, 2: HERE}
    )
    first, moved = past.began(line)
    assert (first, moved) == (line.seen[2], (Change("hardware.cpu_model", "EPYC", "Xeon"),))
