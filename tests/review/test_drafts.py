"""Which drafts are listed, and what a report says of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config.load import load_cases
from harness.core.results.recording import RecordState
from harness.errors import UsageError
from harness.golden.store import GoldenStore
from harness.report.json_report import read_report
from harness.review.drafts import confirmed, listed_drafts, with_drafts
from tests.golden.builders import DECISION
from tests.support.pretend import Pretend


@pytest.fixture
def store(drifted: Pretend, monkeypatch: pytest.MonkeyPatch) -> GoldenStore:
    monkeypatch.chdir(drifted.folder)
    drifted.harness("accept", "--draft", "--reason", "a fix")
    return GoldenStore(Path("goldens"))


def test_they_are_listed_with_who_when_and_why(store: GoldenStore) -> None:
    [one] = listed_drafts("a/one", store)
    assert (one.platform, one.state, one.by, one.reason, one.unusable) == (
        "cpu-x86_64",
        "waiting",
        "Ann",
        "a fix",
        "",
    )
    assert listed_drafts("a/two", store) == ()


def test_a_report_warns_of_what_waits_on_its_platform(store: GoldenStore) -> None:
    report = with_drafts(read_report(Path("out/report.json").read_bytes()), store)
    told = {case.case: case.warnings for case in report.cases}
    assert told["a/two"] == ()
    assert str(told["a/one"][0]).startswith("a draft by Ann of ")
    Path("goldens/a/one/cpu-x86_64.draft.safetensors").write_bytes(b"")
    report = with_drafts(read_report(Path("out/report.json").read_bytes()), store)
    assert "is empty (0 bytes)" in str(report.cases[0].warnings[0])


def test_without_names_only_cases_with_drafts_are_meant(store: GoldenStore) -> None:
    cases = load_cases(Path("configs")).cases
    named = confirmed(cases, store, DECISION, named=True)
    assert [(one.case, one.state) for one in named] == [
        ("a/one", RecordState.UPDATED),
        ("a/two", RecordState.ERROR),
    ]
    with pytest.raises(UsageError, match="goldens: no draft of these cases waits"):
        confirmed(cases, store, DECISION, named=False)
