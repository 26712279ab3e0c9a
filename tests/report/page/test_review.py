"""Tests for what a page is made of: each result is found by its case and platform."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.core.results.reasons import said
from harness.core.results.verdict import CaseResult, Report, Verdict
from harness.report.page.review import Review, ReviewedCase, key_of

HERE = CaseResult("a", Verdict.DRIFTED, "cpu-x86_64", None, None, said("differs"), 1.0)
THERE = replace(HERE, platform="cuda-sm90", reasons=said("differs there"))
FINE = replace(HERE, case="b", verdict=Verdict.IDENTICAL, reasons=())


def test_one_case_on_two_platforms_is_two_reviewed_cases() -> None:
    reviewed = {key_of(one): ReviewedCase(one) for one in (HERE, THERE)}
    review = Review(Report(None, (HERE, FINE, THERE)), (), reviewed)
    assert review.case(HERE).result.platform == "cpu-x86_64"
    assert review.case(THERE).result.platform == "cuda-sm90"
    assert review.others == (FINE,)


def test_a_result_that_needs_no_decision_is_not_reviewed() -> None:
    with pytest.raises(KeyError):
        Review(Report(None, (FINE,)), (), {}).case(FINE)
