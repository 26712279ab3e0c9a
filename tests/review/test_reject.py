"""Which failures of a report are recognised as rejected."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.config.load import load_cases
from harness.core.results.reasons import Message
from harness.core.results.review import RejectResult, RejectState
from harness.golden.store import GoldenStore
from harness.report.json_report import read_report
from harness.review.judged import last_verify
from harness.review.reject import Rejectable, failed, rejectable, rejected, with_rejections
from tests.golden.builders import DECISION
from tests.support.pretend import VALUES, Pretend


@pytest.fixture
def store(drifted: Pretend, monkeypatch: pytest.MonkeyPatch) -> GoldenStore:
    monkeypatch.chdir(drifted.folder)
    return GoldenStore(Path("goldens"))


def found() -> list[Rejectable | RejectResult]:
    cases = load_cases(Path("configs")).cases
    with last_verify(Path("out"), None, cases) as judged:
        return [one for case in cases for one in failed(case, judged)]


def test_only_what_failed_can_be_rejected(store: GoldenStore) -> None:
    one, two = found()
    assert isinstance(one, Rejectable)
    assert (one.platform, one.verdict, one.outputs) == ("cpu-x86_64", "drifted", None)
    assert two == RejectResult("a/two", RejectState.PASSED, "cpu-x86_64", "identical")
    assert rejectable([one, two]) == ["a/one"]


def test_a_report_says_so_of_that_failure_alone(store: GoldenStore) -> None:
    report = read_report(Path("out/report.json").read_bytes())
    assert with_rejections(report, store) == report
    one = found()[0]
    assert isinstance(one, Rejectable)
    assert rejected(one, store, DECISION).cause == one.cause
    told = {case.case: case.rejected for case in with_rejections(report, store).cases}
    assert told["a/two"] is None
    assert told["a/one"] is not None
    assert (told["a/one"].by, told["a/one"].reason) == (DECISION.by, DECISION.reason)


def test_what_has_no_distance_is_the_same_only_bit_for_bit(store: GoldenStore, drifted: Pretend) -> None:
    broken = VALUES.copy()
    broken[3] = np.nan
    drifted.values["a/one"] = broken
    drifted.harness("verify", "a/one")
    [one] = [one for one in found() if isinstance(one, Rejectable)]
    rejected(one, store, DECISION)
    drifted.harness("verify", "a/one")
    assert drifted.of("a/one")["rejected"]["reason"] == DECISION.reason
    broken[4:] = np.nan
    drifted.harness("verify", "a/one")
    assert drifted.of("a/one")["rejected"] is None


def test_a_case_without_golden_whose_capture_is_gone(store: GoldenStore, drifted: Pretend) -> None:
    drifted.config("a/new")
    drifted.harness("verify", "a/new")
    drifted.capture("a/new").unlink()
    [new] = [one for one in found() if isinstance(one, RejectResult) and one.case == "a/new"]
    assert new.state is RejectState.ERROR
    [reason] = new.reasons
    assert isinstance(reason, Message)
    assert reason.text.endswith("a/new/capture.safetensors: is not the capture that the last verify judged")
