from __future__ import annotations

import pytest

from harness.core.measured.calibration import (
    CalibrationReport,
    CalibrationResult,
    CalibrationState,
    LeftOut,
    Weakness,
)
from harness.core.tolerance import Limits, Relation
from tests.support.calibrations import a_calibration


@pytest.mark.parametrize(
    ("relation", "rel_l2"),
    [(Relation.SAME, 3e-6), (Relation.SAME_HARDWARE, 3e-6), (Relation.CROSS_HARDWARE, 1e-5)],
)
def test_limits_of_a_relation(relation: Relation, rel_l2: float) -> None:
    limits = a_calibration().limits(relation)
    assert isinstance(limits["images"], Limits)
    assert {name: one.rel_l2 for name, one in limits.items()} == {"images": rel_l2}


def test_false_alarms_are_those_of_outputs_and_boundaries() -> None:
    left_out = (LeftOut("ulp", 8, 2, 1, 3.5), LeftOut("mkl", 1, 0, 4, 0.5))
    assert a_calibration(left_out=left_out).false_alarms == 7


def test_a_gate_in_words() -> None:
    assert (
        str(Weakness("constant image", "it is black", "give another"))
        == "constant image: it is black; give another"
    )


@pytest.mark.parametrize(
    ("states", "code"), [((), 0), (("calibrated", "skipped"), 0), (("calibrated", "error"), 3)]
)
def test_exit_code(states: tuple[str, ...], code: int) -> None:
    cases = tuple(CalibrationResult(state, CalibrationState(state), (), 0.0) for state in states)
    report = CalibrationReport(None, cases)
    assert report.exit_code() == code
    assert dict(report.summary()) == dict.fromkeys(map(CalibrationState, states), 1)
