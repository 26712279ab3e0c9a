from __future__ import annotations

import pytest

from harness.core.results.verdict import TensorResult, Verdict
from harness.report.page.bars import Bar, metric_bars


def tensor(
    metrics: dict[str, float | None], limits: dict[str, float], verdict: Verdict = Verdict.DRIFTED
) -> TensorResult:
    return TensorResult("images", verdict, "float32", (1,), metrics, limits, {})


def bar(metric: str, value: float | None, limit: float | None, **more: float) -> Bar:
    (found,) = metric_bars(tensor({metric: value}, {} if limit is None else {metric: limit}), more)
    return found


@pytest.mark.parametrize(
    ("value", "place"),
    [(1e-5, 50), (1e-4, 62.5), (1e-6, 37.5), (1.0, 100), (1e-12, 0.5), (0.0, 0), (None, 100)],
)
def test_one_decade_is_an_eighth_of_the_axis(value: float | None, place: float) -> None:
    found = bar("rel_l2", value, 1e-5)
    assert (found.value, found.limit) == (place, 50)


def test_decibels_run_the_other_way() -> None:
    assert bar("psnr", 40.0, 60.0).value == 62.5
    assert bar("psnr", 80.0, 60.0).value == 37.5
    assert bar("psnr", 40.0, 60.0).exceeds
    assert not bar("psnr", 80.0, 60.0).exceeds


def test_benign_envelope_lies_on_the_same_axis() -> None:
    found = bar("rel_l2", 1e-4, 1e-5, rel_l2=1e-6)
    assert (found.envelope, found.benign) == (37.5, "benign variations reach 1.0e-06")
    assert found.words == "rel_l2 1.0e-04 > 1.0e-05"


def test_only_judged_metrics_are_shown() -> None:
    found = metric_bars(tensor({"max_abs": 1.0, "rel_l2": 0.1, "psnr": 20.0}, {"rel_l2": 1e-5}), {})
    assert [one.metric for one in found] == ["rel_l2"]


def test_without_limits_the_axis_is_absolute() -> None:
    found = metric_bars(tensor({"max_abs": 1e-4, "rel_l2": 1e-8, "psnr": 90.0, "max_ulp": 3.0}, {}), {})
    assert [(one.metric, one.value, one.limit, one.exceeds) for one in found] == [
        ("max_abs", 50.0, None, True),
        ("rel_l2", 0.5, None, True),
    ]
    assert found[0].words == "max_abs 1.0e-04, must be bit-identical"


def test_a_pass_exceeds_nothing() -> None:
    (found,) = metric_bars(tensor({"rel_l2": 1e-6}, {"rel_l2": 1e-5}, Verdict.WITHIN), {})
    assert not found.exceeds
    (found,) = metric_bars(tensor({"psnr": None}, {"psnr": 60}, Verdict.IDENTICAL), {})
    assert (found.value, found.exceeds) == (0, False)
