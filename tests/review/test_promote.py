"""A capture becomes the golden only while both are what the verify judged."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.config.load import load_cases
from harness.core.results.measure_reasons import CaptureChanged
from harness.core.results.recording import RecordState
from harness.golden.store import GoldenStore
from harness.review.judged import last_verify
from harness.review.promote import Promotable, examined, promoted, replacing
from tests.golden.builders import DECISION
from tests.support.files import describe
from tests.support.pretend import Pretend


@pytest.fixture
def ready(drifted: Pretend, monkeypatch: pytest.MonkeyPatch) -> tuple[Pretend, GoldenStore, Promotable]:
    """The drifted case, examined; the project is the current folder."""
    monkeypatch.chdir(drifted.folder)
    store = GoldenStore(Path("goldens"))
    cases = load_cases(Path("configs")).cases
    with last_verify(Path("out"), None, cases) as judged:
        found = examined(cases, judged, store)
    assert replacing(found, store) == ["a/one"]
    one = found[0]
    assert isinstance(one, Promotable)
    return drifted, store, one


def test_the_decision_is_about_the_judgement(ready: tuple[Pretend, GoldenStore, Promotable]) -> None:
    project, store, one = ready
    assert promoted(one, store, DECISION).state is RecordState.UPDATED
    entry = store.document(project.golden("a/one").relative_to(Path.cwd())).history[-1]
    assert (entry.by, entry.reason, entry.verdict) == (DECISION.by, DECISION.reason, "drifted")
    assert replacing([one], store) == []


def test_a_golden_that_changes_while_the_reason_is_typed(
    ready: tuple[Pretend, GoldenStore, Promotable],
) -> None:
    project, store, one = ready
    describe(project.golden("a/one"), lambda document: document.update(warnings=["pulled"]))
    before = project.golden("a/one").read_bytes()
    result = promoted(one, store, DECISION)
    assert result.state is RecordState.ERROR
    path = os.path.join("goldens", "a", "one", "cpu-x86_64.safetensors")
    assert result.reasons == (CaptureChanged(path, "golden"),)
    assert project.golden("a/one").read_bytes() == before


def test_a_golden_whose_file_is_damaged_would_change(
    ready: tuple[Pretend, GoldenStore, Promotable],
) -> None:
    project, store, one = ready
    project.golden("a/one").write_bytes(b"damaged")
    assert replacing([one], store) == ["a/one"]
