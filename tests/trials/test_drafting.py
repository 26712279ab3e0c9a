"""A capture is proposed, and the draft becomes the golden."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.core.history import Confirmation, Draft, Entry, Rejection
from harness.core.results.measure_reasons import (
    DraftOutdated,
    DraftReplaced,
    GoldenUnchanged,
    OtherDefinition,
)
from harness.core.results.recording import RecordState
from harness.golden.memory.drafts import DRAFT, write_draft
from harness.golden.memory.rejections import REJECTIONS, write_rejections
from harness.golden.store import GoldenStore
from harness.trials.acceptance import accept_capture
from harness.trials.drafting import confirm_draft, propose_capture
from tests.golden.builders import DECISION, a_case, write_capture

CASE = a_case("ddim/two")
OTHER = replace(DECISION, reason="agreed", at="2026-03-01T00:00:00+00:00")


@pytest.fixture
def store(tmp_path: Path) -> GoldenStore:
    return GoldenStore(tmp_path / "goldens")


def capture(store: GoldenStore, value: float) -> Path:
    values = np.linspace(0, value, 32, dtype=np.float32)
    return write_capture(store.root.parent / "c.safetensors", {"images": values}, case=CASE)


def test_what_equals_the_golden_is_not_proposed(store: GoldenStore) -> None:
    accept_capture(CASE, capture(store, 1), store, how="record", runs=2, decision=DECISION)
    assert propose_capture(CASE, capture(store, 1), store, DECISION).state is RecordState.UNCHANGED
    assert store.drafts(CASE.id) == ()


def test_what_judges_nothing_is_not_proposed(store: GoldenStore) -> None:
    result = propose_capture(CASE, capture(store, float("nan")), store, DECISION)
    assert result.state is RecordState.BROKEN
    assert store.drafts(CASE.id) == ()


def test_proposed_and_confirmed(store: GoldenStore) -> None:
    accept_capture(CASE, capture(store, 1), store, how="record", runs=2, decision=DECISION)
    golden = store.path(CASE.id, "cpu-x86_64")
    first = propose_capture(CASE, capture(store, 2), store, DECISION)
    assert (first.state, first.reasons) == (RecordState.PROPOSED, ())
    second = propose_capture(CASE, capture(store, 3), store, DECISION)
    assert second.reasons == (DraftReplaced(),)
    draft = DRAFT.path(golden).read_bytes()
    assert confirm_draft(CASE, "cpu-x86_64", store, OTHER).state is RecordState.UPDATED
    assert not DRAFT.path(golden).exists()
    document = store.document(golden)
    assert document.accepted is not None
    assert (document.accepted.how, document.accepted.at) == ("accept", OTHER.at)
    assert document.history[-1].confirmed == Confirmation(OTHER.by, OTHER.at, "agreed")
    DRAFT.path(golden).write_bytes(draft)  # as a kill would leave it
    again = confirm_draft(CASE, "cpu-x86_64", store, OTHER)
    assert (again.state, again.reasons) == (RecordState.UNCHANGED, (GoldenUnchanged(),))
    assert not DRAFT.path(golden).exists()
    assert len(store.document(golden).history) == 2


def test_a_draft_that_does_not_fit_any_more_is_left_and_says_what_to_run(store: GoldenStore) -> None:
    propose_capture(CASE, capture(store, 2), store, DECISION)
    golden = store.path(CASE.id, "cpu-x86_64")
    other = confirm_draft(a_case("ddim/two", steps=3), "cpu-x86_64", store, OTHER)
    assert (other.state, other.reasons) == (RecordState.ERROR, (OtherDefinition(str(DRAFT.path(golden))),))
    accept_capture(CASE, capture(store, 1), store, how="record", runs=2, decision=DECISION)
    late = confirm_draft(CASE, "cpu-x86_64", store, OTHER)
    assert (late.state, late.reasons) == (RecordState.ERROR, (DraftOutdated(str(DRAFT.path(golden))),))
    assert [step.argv[1:] for step in late.next_steps] == [("verify", "ddim/two")]
    assert DRAFT.path(golden).exists()


def test_a_draft_that_judges_nothing_is_not_confirmed(store: GoldenStore) -> None:
    entry = Entry("accept", DECISION.at, DECISION.by, "because", "0" * 64)
    golden = store.path(CASE.id, "cpu-x86_64")
    write_draft(capture(store, float("nan")), golden, Draft(None, 1, entry))
    assert confirm_draft(CASE, "cpu-x86_64", store, OTHER).state is RecordState.BROKEN
    assert not golden.exists()


def test_confirmed_again_the_rejections_that_a_kill_left_are_dropped(store: GoldenStore) -> None:
    golden = store.path(CASE.id, "cpu-x86_64")
    refused = Rejection("c" * 16, DECISION.by, DECISION.at, "no", "drifted")
    write_rejections(golden, CASE.id, "cpu-x86_64", (refused,))
    propose_capture(CASE, capture(store, 2), store, DECISION)
    kept = {path: path.read_bytes() for path in (DRAFT.path(golden), REJECTIONS.path(golden))}
    confirm_draft(CASE, "cpu-x86_64", store, OTHER)
    for path, content in kept.items():
        path.write_bytes(content)
    assert confirm_draft(CASE, "cpu-x86_64", store, OTHER).state is RecordState.UNCHANGED
    assert [path.exists() for path in kept] == [False, False]
