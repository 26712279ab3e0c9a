from __future__ import annotations

import math
from dataclasses import replace

import pytest

from harness.core.results.verdict import Report, Verdict
from harness.report.wording import (
    against_limit,
    fails,
    grouped_warnings,
    number,
    shortened,
    tensor_words,
    verdict_summary,
    worst_words,
)
from tests.report.samples import (
    BROKEN,
    DRIFTED,
    DRIFTED_TENSOR,
    ERROR,
    IDENTICAL,
    IDENTICAL_TENSOR,
    NO_GOLDEN,
    SKIPPED,
    STALE,
    WITHIN,
)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "undefined"),
        (0.0, "0"),
        (13422.0, "13422"),
        (-3.0, "-3"),
        (3.14e-4, "3.1e-04"),
        (0.25, "0.25"),
        (0.7312, "0.731"),
        (38.26, "38.3"),
        (0.00999, "1.0e-02"),
        (2.5e9, "2.5e+09"),
        (1234567.5, "1.2e+06"),
        (math.inf, "inf"),
    ],
)
def test_number_in_two_or_three_digits(value: float | None, words: str) -> None:
    assert number(value) == words


@pytest.mark.parametrize(
    ("metric", "value", "limit", "words"),
    [
        ("rel_l2", 3.1e-4, 1e-5, "rel_l2 3.1e-04 > 1.0e-05"),
        ("rel_l2", 3.1e-6, 1e-5, "rel_l2 3.1e-06 <= 1.0e-05"),
        ("rel_l2", 1e-5, 1e-5, "rel_l2 1.0e-05 <= 1.0e-05"),
        ("rel_l2", 1.004e-5, 1e-5, "rel_l2 1.004e-05 > 1.000e-05"),
        ("max_abs", 0.0, 0.0, "max_abs 0 <= 0"),
        ("psnr", 38.2, 40.0, "psnr 38.2 < 40"),
        ("psnr", 41.0, 40.0, "psnr 41 >= 40"),
        ("rel_l2", None, 1e-5, "rel_l2 undefined, limit 1.0e-05"),
    ],
)
def test_metric_against_its_limit(metric: str, value: float | None, limit: float, words: str) -> None:
    assert against_limit(metric, value, limit) == words


def test_neighbouring_floats_are_told_apart() -> None:
    limit = 1e-5
    above = math.nextafter(limit, 1)
    name, shown, sign, bound = against_limit("rel_l2", above, limit).split()
    assert (name, sign) == ("rel_l2", ">")
    assert shown != bound


def test_worst_metric_of_each_verdict() -> None:
    assert worst_words(IDENTICAL) == ""
    assert worst_words(WITHIN) == "rel_l2 3.1e-06 <= 1.0e-05"
    assert worst_words(DRIFTED) == "rel_l2 3.1e-04 > 1.0e-05"
    assert worst_words(STALE) == ""


def test_a_drifted_case_without_limits_says_how_far_from_exact() -> None:
    exact = replace(DRIFTED, tensors=(replace(DRIFTED_TENSOR, limits={}), IDENTICAL_TENSOR))
    assert worst_words(exact) == "not exact, max_abs 1.0e-03"


def test_a_case_whose_tensors_all_pass_is_not_reported_as_different() -> None:
    assert worst_words(replace(DRIFTED, tensors=(IDENTICAL_TENSOR,))) == ""


def test_tensor_words() -> None:
    assert tensor_words(DRIFTED_TENSOR) == "images  float32 1x16x16x3"
    assert tensor_words(replace(DRIFTED_TENSOR, shape=())) == "images  float32 scalar"
    assert tensor_words(replace(DRIFTED_TENSOR, dtype="none", shape=())) == "images"


ALL = (IDENTICAL, WITHIN, DRIFTED, BROKEN, STALE, NO_GOLDEN, SKIPPED, ERROR)


@pytest.mark.parametrize(
    ("allow_missing", "strict", "failing"),
    [
        (False, False, {"drifted", "broken", "stale", "no-golden", "error"}),
        (True, False, {"drifted", "broken", "stale", "error"}),
        (False, True, {"drifted", "broken", "stale", "no-golden", "skipped", "error"}),
        (True, True, {"drifted", "broken", "stale", "skipped", "error"}),
    ],
)
def test_what_fails_under_the_options(allow_missing: bool, strict: bool, failing: set[str]) -> None:
    assert {c.verdict.value for c in ALL if fails(c, allow_missing=allow_missing, strict=strict)} == failing


def test_summary_counts_verdicts_and_says_what_the_exit_code_means() -> None:
    def summary(*cases: object, allow_missing: bool = False, strict: bool = False) -> str:
        return verdict_summary(Report(None, cases), allow_missing=allow_missing, strict=strict)  # type: ignore[arg-type]

    assert summary(IDENTICAL, IDENTICAL, WITHIN) == "2 identical, 1 within: all pass (exit code 0)"
    assert summary(DRIFTED, IDENTICAL) == "1 identical, 1 drifted: 1 of 2 cases failed (exit code 1)"
    assert summary(NO_GOLDEN) == "1 no-golden: 1 of 1 case failed (exit code 1)"
    assert summary(NO_GOLDEN, allow_missing=True) == "1 no-golden: all pass (exit code 0)"
    assert summary(SKIPPED, strict=True) == "1 skipped: 1 of 1 case failed (exit code 1)"
    assert summary(DRIFTED, ERROR) == (
        "1 drifted, 1 error: 2 of 2 cases failed, 1 of them because the harness could not find out (exit code 3)"
    )
    assert summary() == "no cases (exit code 0)"


def test_warnings_are_grouped_in_order() -> None:
    groups = grouped_warnings([("a", ["x", "y", "x"]), ("b", ["y"]), ("c", [])])
    assert list(groups.items()) == [("x", ["a"]), ("y", ["a", "b"])]


def test_every_verdict_is_reported() -> None:
    assert {case.verdict for case in ALL} == set(Verdict)


def test_what_is_shortened_keeps_to_its_length() -> None:
    assert shortened("abcd", 4) == "abcd"
    assert shortened("abcde", 4) == "abc…"
