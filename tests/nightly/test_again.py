"""Which cases of a night run again, and what is kept of their further runs."""

from __future__ import annotations

import pytest

from harness.core.results.verdict import CaseResult, Report, Verdict
from harness.nightly import again


@pytest.mark.parametrize("verdict", list(Verdict))
def test_only_a_run_that_failed_tells_anything_when_it_is_done_again(verdict: Verdict) -> None:
    report = Report(None, (CaseResult("a", verdict, None, None, None, (), 0.0),))
    expected = {"a"} if verdict in ("drifted", "broken") else set()
    assert again.failing(report) == expected
