from __future__ import annotations

from harness.core.nights.night import Judgement, Machine
from harness.core.results.verdict import Verdict
from tests.history.nights import drifted, identical, lost, night


def test_a_judgement_passes_fails_or_says_nothing() -> None:
    skipped = Judgement(Verdict.SKIPPED)
    found = [(one.passes, one.fails, one.decided) for one in (identical(), drifted(), lost(), skipped)]
    assert found == [(True, False, True), (False, True, True), (False, True, False), (False, False, False)]


def test_a_machine_is_known_by_its_hardware() -> None:
    machine = Machine({"software.os": "Linux", "hardware.gpu": "H200", "hardware.device": "cuda"})
    assert machine.hardware == (("hardware.device", "cuda"), ("hardware.gpu", "H200"))


def test_the_day_of_a_night() -> None:
    assert night(31).day == "2026-02-01"
