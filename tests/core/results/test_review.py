"""Tests for the results of deciding about judged cases."""

from __future__ import annotations

from harness.core.results.review import RejectReport, RejectResult, RejectState


def test_a_rejection_is_an_error_only_where_it_is_unknown_whether_the_case_failed() -> None:
    known = [RejectResult("a", state) for state in RejectState if state is not RejectState.ERROR]
    assert RejectReport("why", tuple(known)).exit_code() == 0
    unknown = RejectResult("b", RejectState.ERROR)
    assert RejectReport("why", (*known, unknown)).exit_code() == 3
