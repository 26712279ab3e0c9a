"""Most contradictions are tried from outside, in tests/outside/test_evidence_that_contradicts_itself.py."""

from __future__ import annotations

from dataclasses import replace

from harness.core.measured.consistency import calibration_contradiction, sensitivity_contradiction
from harness.core.measured.sensitivity import Channel, MutantState, Smallest
from tests.golden.test_sensitivities import a_sensitivity
from tests.support.calibrations import a_calibration


def test_the_fixtures_hold_together() -> None:
    assert calibration_contradiction(a_calibration()) == ""
    assert sensitivity_contradiction(a_sensitivity("golden")) == ""


def test_max_abs_has_a_factor_of_its_own_where_one_is_stated() -> None:
    told = calibration_contradiction(a_calibration(max_abs_factor=5.0))
    assert told == "outputs.images.same_hardware.max_abs is 1.5e-06, the evidence leads to 2.5e-06"


def test_a_fault_that_raised_is_judged_by_the_outputs_alone() -> None:
    kept = a_sensitivity("golden")
    outputs = [one for one in kept.faults[0].sightings if one.channel is Channel.OUTPUTS]
    seen = tuple(replace(one, caught=True, margin=None) for one in outputs)
    raised = replace(kept.faults[0], sightings=seen)
    assert sensitivity_contradiction(replace(kept, faults=(raised, *kept.faults[1:]))) == ""


def test_a_fault_that_changed_nothing_acted() -> None:
    kept = a_sensitivity("golden")
    equal = replace(kept.faults[0], state=MutantState.EQUIVALENT, sightings=())
    assert sensitivity_contradiction(replace(kept, faults=(equal, *kept.faults[1:]))) == ""
    idle = replace(equal, acted=0)
    told = sensitivity_contradiction(replace(kept, faults=(idle, *kept.faults[1:])))
    assert told == f"faults.{idle.fault}: acted 0 times, although it is equivalent"


def test_the_smallest_strength_and_the_default_one_agree() -> None:
    kept = a_sensitivity("golden")
    missed = [
        replace(fault, sightings=tuple(replace(one, caught=False, margin=0.5) for one in fault.sightings))
        if fault.fault == "guidance.scale"
        else fault
        for fault in kept.faults
    ]
    found = replace(kept, faults=tuple(missed), smallest=(Smallest("guidance.scale", 1e-5, None, None),))
    assert (
        sensitivity_contradiction(found)
        == "smallest.guidance.scale: is caught from 1e-05 on, but not at 0.001"
    )
