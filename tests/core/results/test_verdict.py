"""Exit codes, the summary, and the metric that is worst against its limit."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from harness.core.results.verdict import CaseResult, Report, TensorResult, Verdict, WorstMetric, worst_metric


def _result(verdict: Verdict, *tensors: TensorResult) -> CaseResult:
    return CaseResult("digits", verdict, "cpu-x86_64", None, None, (), 0.0, tensors)


def _tensor(name: str, metrics: Mapping[str, float | None], limits: Mapping[str, float]) -> TensorResult:
    return TensorResult(name, Verdict.DRIFTED, "float32", (1,), metrics, limits, {})


def _report(*verdicts: Verdict) -> Report:
    return Report(None, tuple(_result(verdict) for verdict in verdicts))


@pytest.mark.parametrize(
    ("verdict", "code"),
    [
        (Verdict.IDENTICAL, 0),
        (Verdict.WITHIN, 0),
        (Verdict.DRIFTED, 1),
        (Verdict.BROKEN, 1),
        (Verdict.STALE, 1),
        (Verdict.NO_GOLDEN, 1),
        (Verdict.SKIPPED, 0),
        (Verdict.ERROR, 3),
    ],
)
def test_each_verdict_has_the_exit_code_of_the_contract(verdict: Verdict, code: int) -> None:
    assert _report(Verdict.IDENTICAL, verdict, Verdict.WITHIN).exit_code() == code


def test_every_verdict_has_an_exit_code_in_the_table_above() -> None:
    assert {str(verdict) for verdict in Verdict} == {
        *("identical", "within", "drifted", "broken", "stale", "no-golden", "skipped", "error")
    }


def test_an_error_outweighs_a_regression() -> None:
    assert _report(Verdict.DRIFTED, Verdict.ERROR).exit_code(allow_missing=True, strict=True) == 3


def test_nothing_judged_passes() -> None:
    assert _report().exit_code(strict=True) == 0


def test_allow_missing_lets_only_the_missing_golden_pass() -> None:
    assert _report(Verdict.NO_GOLDEN).exit_code(allow_missing=True) == 0
    assert _report(Verdict.NO_GOLDEN, Verdict.STALE).exit_code(allow_missing=True) == 1


def test_strict_fails_what_was_skipped() -> None:
    assert _report(Verdict.SKIPPED).exit_code(strict=True) == 1


def test_the_summary_counts_in_the_order_of_the_verdicts() -> None:
    summary = _report(Verdict.ERROR, Verdict.IDENTICAL, Verdict.BROKEN, Verdict.IDENTICAL).summary()
    assert list(summary.items()) == [(Verdict.IDENTICAL, 2), (Verdict.BROKEN, 1), (Verdict.ERROR, 1)]


def test_the_worst_metric_is_the_one_with_the_greatest_share_of_its_limit() -> None:
    near = _tensor("a", {"max_abs": 0.9}, {"max_abs": 1.0})
    beyond = _tensor("b", {"max_abs": 0.1, "rel_l2": 0.03}, {"max_abs": 0.1, "rel_l2": 0.01})
    assert worst_metric(_result(Verdict.DRIFTED, near, beyond)) == WorstMetric("b", "rel_l2", 0.03, 0.01)


def test_for_psnr_the_share_is_limit_to_value() -> None:
    low = _tensor("a", {"psnr": 20.0, "max_abs": 1.5}, {"psnr": 40.0, "max_abs": 1.0})
    high = _tensor("a", {"psnr": 80.0, "max_abs": 0.7}, {"psnr": 40.0, "max_abs": 1.0})
    assert worst_metric(_result(Verdict.DRIFTED, low)) == WorstMetric("a", "psnr", 20.0, 40.0)
    assert worst_metric(_result(Verdict.WITHIN, high)) == WorstMetric("a", "max_abs", 0.7, 1.0)


@pytest.mark.parametrize("undefined", [{"rel_l2": None}, {}])
def test_an_undefined_value_is_infinitely_far_off(undefined: Mapping[str, float | None]) -> None:
    tensor = _tensor("a", {"max_abs": 1e9, **undefined}, {"max_abs": 1.0, "rel_l2": 1.0})
    assert worst_metric(_result(Verdict.DRIFTED, tensor)) == WorstMetric("a", "rel_l2", None, 1.0)


def test_a_limit_of_zero_is_exceeded_by_anything_and_met_by_zero() -> None:
    tensor = _tensor(
        "a", {"max_abs": 1e-9, "max_ulp": 0.0, "rel_l2": 5.0}, {"max_ulp": 0, "rel_l2": 1, "max_abs": 0}
    )
    assert worst_metric(_result(Verdict.DRIFTED, tensor)) == WorstMetric("a", "max_abs", 1e-9, 0)


def test_without_limits_there_is_no_worst_metric() -> None:
    assert worst_metric(_result(Verdict.IDENTICAL, _tensor("a", {"max_abs": 0.0}, {}))) is None


def test_a_verify_that_was_not_finished_is_no_pass() -> None:
    assert Report(None, (), finished=False, not_run=("digits",)).exit_code(allow_missing=True) == 3
