from __future__ import annotations

from dataclasses import replace

import pytest

from harness.core.measured.calibration import Effect, Growth, VariedRun
from harness.core.measured.limits import (
    admitted,
    amplification,
    boundary_envelope,
    boundary_limits,
    envelope,
    envelope_growth,
    left_out,
    output_limits,
)
from tests.support.calibrations import evidence

FLOOR = {"images": {"rel_l2": 1e-7, "max_abs": 1e-7}}


def runs(**families: list[float]) -> list[VariedRun]:
    return [
        evidence(family.replace("_", "-"), value, f"{family} {number}")
        for family, values in families.items()
        for number, value in enumerate(values)
    ]


def test_the_envelope_is_the_largest_of_each_metric_over_what_counts() -> None:
    found = [*runs(ulp=[1e-6, 3e-6], mkl=[2e-6]), replace(evidence("tf32", 1e-3), effect=Effect.SKIPPED)]
    assert envelope(found) == {"images": {"rel_l2": 3e-6, "max_abs": 1.5e-6}}


def test_a_metric_that_is_undefined_in_one_run_gets_no_limit() -> None:
    found = [evidence("ulp", 1e-6), evidence("mkl", None)]
    assert envelope(found) == {"images": {}}
    (limits,) = output_limits([*runs(ulp=[1e-6])], FLOOR)
    # max_abs moves by half of rel_l2 and gets five times that.
    assert limits.same_hardware.stated() == {"max_abs": 2.5e-6, "rel_l2": 3e-6}


def test_limits_are_multiples_of_the_envelope_and_never_below_the_floor() -> None:
    (limits,) = output_limits(runs(ulp=[1e-6]), FLOOR)
    # max_abs moves by half of rel_l2 and gets five times that.
    assert limits.same_hardware.stated() == {"max_abs": 2.5e-6, "rel_l2": 3e-6}
    assert limits.cross_hardware.stated() == {
        "max_abs": pytest.approx(5e-6 * 5 / 3, rel=0.01),
        "rel_l2": 1e-5,
    }
    (limits,) = output_limits(runs(ulp=[0.0]), FLOOR)
    assert (
        limits.same_hardware.stated() == limits.cross_hardware.stated() == {"max_abs": 1e-7, "rel_l2": 1e-7}
    )


def test_a_limit_is_rounded_away_from_failing() -> None:
    (limits,) = output_limits(runs(ulp=[1.2341e-6]), FLOOR)
    assert limits.same_hardware.rel_l2 is not None
    assert 3 * 1.2341e-6 <= limits.same_hardware.rel_l2 <= 3 * 1.2341e-6 * 1.01


def test_each_family_is_judged_by_the_others() -> None:
    found = {
        one.family: one for one in left_out(runs(ulp=[1e-6, 1e-6], mkl=[3.5e-6], threads=[2e-6]), FLOOR, {})
    }
    assert {name: (one.runs, one.false_alarms) for name, one in found.items()} == {
        "ulp": (2, 0),
        "mkl": (1, 0),
        "threads": (1, 0),
    }
    assert found["mkl"].ratio == pytest.approx(1.75, rel=0.01)
    assert found["ulp"].ratio == pytest.approx(1 / 3.5, rel=0.01)
    found = {one.family: one for one in left_out(runs(ulp=[1e-6], mkl=[3.5e-6, 2e-6]), FLOOR, {})}
    assert (found["mkl"].false_alarms, found["mkl"].ratio) == (1, pytest.approx(3.5, rel=0.01))


def test_without_a_family_go_those_it_is_part_of() -> None:
    found = {one.family: one for one in left_out(runs(ulp=[1e-6], mkl=[4e-6], old_cpu=[4e-6]), FLOOR, {})}
    assert found["mkl"].false_alarms == 1
    assert found["old-cpu"].false_alarms == 0


def test_false_alarms_of_boundaries() -> None:
    found = [
        evidence("ulp", 1e-6, boundaries={"unet.forward": 1e-6, "scheduler.step": 0.0}),
        evidence("mkl", 1e-6, boundaries={"unet.forward": 3.5e-6, "scheduler.step": 9e-7}),
    ]
    judged = {one.family: one for one in left_out(found, FLOOR, {})}
    assert (judged["mkl"].boundary_alarms, judged["mkl"].false_alarms) == (1, 0)
    assert judged["ulp"].boundary_alarms == 0
    wider = {one.family: one for one in left_out(found, FLOOR, {"unet.forward": 4e-6})}
    assert wider["mkl"].boundary_alarms == 0


def test_a_family_that_moves_what_no_other_does() -> None:
    (_, alone) = left_out(runs(ulp=[0.0], mkl=[1e-6]), {"images": {"rel_l2": 0.0}}, {})
    assert (alone.family, alone.false_alarms, alone.ratio) == ("mkl", 1, None)


def test_boundary_limits() -> None:
    found = [
        evidence("ulp", 1e-6, boundaries={"unet.forward": 1e-6, "scheduler.step": 1e-8}),
        evidence("mkl", 1e-6, boundaries={"unet.forward": 5e-7}),
    ]
    assert boundary_envelope(found) == {"unet.forward": 1e-6, "scheduler.step": 1e-8}
    once = boundary_envelope(found)
    assert boundary_limits(once, {}) == {"unet.forward": 3e-6, "scheduler.step": 1e-6}
    wider = {"unet.forward": 2e-6, "scheduler.step": 2e-6}
    assert boundary_limits(once, wider) == {"unet.forward": 3e-6, "scheduler.step": 2e-6}


def test_amplification() -> None:
    found = [
        evidence("ulp", 8e-6, boundaries={"unet.forward": 2e-7, "scheduler.step": 1e-8}),
        evidence("mkl", 1e-6, boundaries={"unet.forward": 4e-7}),
        evidence("batch", 1e-3),
    ]
    assert amplification(found) == 20.0
    assert amplification([evidence("batch", 1e-3)]) is None
    assert amplification([evidence("mkl", 0.0, boundaries={"unet.forward": 0.0})]) is None


def test_growth_is_the_worst_of_every_step() -> None:
    curves = [(1e-8, 2e-6), (3e-8, 1e-6), (0.0, None)]
    found = [evidence("ulp", 1e-6, growth=(Growth("scheduler.step", curve),)) for curve in curves[:2]]
    assert envelope_growth(found) == (Growth("scheduler.step", (3e-8, 2e-6)),)
    found = [evidence("ulp", 1e-6, growth=(Growth("scheduler.step", curve),)) for curve in curves]
    assert envelope_growth(found) == (Growth("scheduler.step", (3e-8, None)),)


def test_the_golden_s_machine_counts_where_the_other_runs_make_it_credible() -> None:
    near, far = runs(ulp=[1e-6], machine=[2.9e-6]), runs(ulp=[1e-6], machine=[3.1e-6])
    assert admitted(near, FLOOR, {}) == tuple(near)
    _, refused = admitted(far, FLOOR, {})
    assert refused.effect is Effect.SKIPPED
    assert refused.reason.startswith("an output is 1 x the limit that all others lead to")
    assert envelope(admitted(far, FLOOR, {})) == {"images": {"rel_l2": 1e-6, "max_abs": 5e-7}}
    damped = [
        evidence("ulp", 1e-6, boundaries={"unet.forward": 1e-6}),
        evidence("machine", 1e-6, boundaries={"unet.forward": 1e-3}),
    ]
    _, refused = admitted(damped, FLOOR, {})
    assert refused.reason.startswith("a boundary is 3.3e+02 x the limit")
    assert admitted(damped, FLOOR, {"unet.forward": 1e-2}) == tuple(damped)


def test_whoever_leaves_an_instruction_set_out_leaves_the_golden_s_machine_out_too() -> None:
    found = {one.family: one for one in left_out(runs(ulp=[1e-6], mkl=[4e-6], machine=[4e-6]), FLOOR, {})}
    assert found["mkl"].false_alarms == 1
    assert found["machine"].false_alarms == 0
