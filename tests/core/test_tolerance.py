"""Which allowance judges under which relation, and what limits say about themselves."""

from __future__ import annotations

import pytest

from harness.core.tolerance import METRIC_TABLE, METRICS, Limits, Relation, Rule, Tolerance


@pytest.mark.parametrize(
    ("relation", "allowance"),
    [
        (Relation.SAME, Rule.EXACT),
        (Relation.SAME_HARDWARE, Limits(max_abs=0.25)),
        (Relation.CROSS_HARDWARE, Rule.REFUSE),
    ],
)
def test_each_relation_has_its_own_allowance(relation: Relation, allowance: object) -> None:
    tolerance = Tolerance(Rule.EXACT, Limits(max_abs=0.25), Rule.REFUSE)
    assert tolerance.for_relation(relation) == allowance


def test_the_defaults_are_those_of_the_config_contract() -> None:
    assert Tolerance() == Tolerance(
        same=Rule.EXACT,
        same_hardware=Limits(max_abs=1.0e-4, rel_l2=1.0e-5),
        cross_hardware=Limits(max_abs=2.0e-3, rel_l2=1.0e-4),
    )


def test_the_metrics_are_those_of_the_json_contract() -> None:
    assert METRICS == ("max_abs", "mean_abs", "rel_l2", "cosine_distance", "psnr", "max_ulp", "mismatched")


def test_a_limit_of_zero_is_stated_and_one_that_is_not_set_is_not() -> None:
    assert Limits(max_abs=0.0, psnr=40.0).stated() == {"max_abs": 0.0, "psnr": 40.0}


def test_limits_read_as_words() -> None:
    assert str(Limits(max_abs=0.00201234, rel_l2=1e-4)) == "max_abs 0.00201, rel_l2 0.0001"


def test_no_config_reaches_a_limit_that_cannot_fail() -> None:
    float32 = 2 * float.fromhex("0x1.fffffep127")
    assert {name: metric.bound for name, metric in METRIC_TABLE.items()} == {
        "max_abs": float32,
        "mean_abs": float32,
        "rel_l2": 100.0,
        "cosine_distance": 2,
        "psnr": 0,
        "max_ulp": 2 * 0x7F7FFFFF,
        "mismatched": 1,
    }
