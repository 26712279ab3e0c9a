from __future__ import annotations

from harness.core.environment import Change
from harness.core.nights.night import Machine
from harness.core.nights.timeline import Head, moved_between
from tests.history.nights import ELSEWHERE, HERE, drifted, head, timeline


def test_packages_that_moved_come_first_and_those_of_one_night_are_not_told() -> None:
    before = head(0, {"torch": "2.12", "diffusers": "0.42", "peft": "0.15"})
    after = head(1, {"torch": "2.13", "diffusers": "0.43", "ftfy": "6.1"}, ELSEWHERE)
    assert moved_between(before, after) == (
        Change("software.packages.diffusers", "0.42", "0.43"),
        Change("software.packages.torch", "2.12", "2.13"),
        Change("hardware.cpu_model", "Xeon", "EPYC"),
    )


def test_an_entry_of_the_machine_may_come_or_go() -> None:
    gpu = Machine({**HERE.entries, "hardware.gpu": "H200"})
    assert moved_between(head(0), head(1, machine=gpu)) == (Change("hardware.gpu", None, "H200"),)


def test_nothing_moved_from_or_to_a_night_that_is_unknown() -> None:
    nowhere = Head("key", head(0).started, Machine({}), {})
    assert moved_between(nowhere, head(1)) == moved_between(head(1), nowhere) == ()


def test_a_night_is_unstable_if_a_further_run_gave_other_outputs() -> None:
    def unstable(*again: str | None) -> bool:
        return timeline([drifted("b")], again={0: again}).now.unstable

    assert not unstable()
    assert not unstable("b", "b")
    assert unstable("b", "c")
    assert unstable(None, "b")
