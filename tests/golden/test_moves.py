"""Files of the store under another case id: what they then hold, and what stops them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from harness.core.history import Draft, Entry
from harness.errors import StoreError, UnreadableGolden
from harness.golden.header import read_document
from harness.golden.memory.drafts import DRAFT, DraftState, draft_state, read_draft, write_draft
from harness.golden.moves import copied, planned, removed
from harness.golden.store import GoldenStore
from harness.golden.tensors import file_sha256
from tests.golden.builders import ACCEPTED, DECISION, a_case, write_capture

ENTRY = Entry("accept", DECISION.at, DECISION.by, "because", "0" * 64)


@pytest.fixture
def store(tmp_path: Path) -> GoldenStore:
    """A store with a golden of `a` and of one entry of its family."""
    store = GoldenStore(tmp_path / "goldens")
    for name in ("a", "a@x=1", "ab"):
        write_capture(
            store.path(name, "cpu-x86_64"), {"images": np.ones(3)}, case=a_case(name), accepted=ACCEPTED
        )
    return store


def move(store: GoldenStore, old: str = "a", new: str = "b") -> None:
    moves = planned(store, old, new)
    copied(moves, DECISION)
    removed(moves, store)


def test_a_family_moves_and_a_like_name_stays(store: GoldenStore) -> None:
    assert [one.case for one in planned(store, "a", "b")] == ["b", "b@x=1"]
    move(store)
    assert sorted(path.name for path in store.root.iterdir()) == ["ab", "b", "b@x=1"]
    assert store.document(store.path("b", "cpu-x86_64")).history[-1].renamed == "a"


def test_what_is_written_is_not_written_again(store: GoldenStore) -> None:
    moves = planned(store, "a", "b")
    copied(moves[:1], DECISION)
    again = planned(store, "a", "b")
    assert [one.done for one in again] == [True, False]
    before = again[0].target.read_bytes()
    copied(again, DECISION)
    assert again[0].target.read_bytes() == before
    assert all(one.done for one in planned(store, "a", "b"))


def test_a_file_in_the_way_stops_everything(store: GoldenStore) -> None:
    write_capture(store.path("b", "cpu-x86_64"), {"images": np.zeros(3)}, case=a_case("b"), accepted=ACCEPTED)
    with pytest.raises(
        StoreError, match=r"b/cpu-x86_64\.safetensors: already there, and nothing is overwritten"
    ):
        planned(store, "a", "b")


def test_a_draft_still_waits(store: GoldenStore, tmp_path: Path) -> None:
    golden = store.path("a", "cpu-x86_64")
    capture = write_capture(tmp_path / "c.safetensors", {"images": np.zeros(3)}, case=a_case("a"))
    write_draft(capture, golden, Draft(file_sha256(golden), 1, ENTRY))
    moves = planned(store, "a", "b")
    copied(moves, DECISION)
    assert all(one.done for one in planned(store, "a", "b"))
    removed(moves, store)
    new = store.path("b", "cpu-x86_64")
    document, draft = read_draft(new, "b")
    assert (document.case, draft.entry) == ("b", ENTRY)
    assert draft_state(new, draft) is DraftState.WAITING


def test_a_draft_that_cannot_be_confirmed_stays_so(store: GoldenStore, tmp_path: Path) -> None:
    golden = store.path("a", "cpu-x86_64")
    capture = write_capture(tmp_path / "c.safetensors", {"images": np.zeros(3)}, case=a_case("a"))
    write_draft(capture, golden, Draft("f" * 64, 1, ENTRY))
    move(store)
    new = store.path("b", "cpu-x86_64")
    assert draft_state(new, read_draft(new, "b")[1]) is DraftState.OUTDATED


@pytest.mark.parametrize("content", ["not JSON", '{"case": "other"}', "[1]"])
def test_a_sidecar_that_is_odd_moves_as_it_is(store: GoldenStore, content: str) -> None:
    path = store.path("a", "cpu-x86_64").with_name("cpu-x86_64.calibration.json")
    path.write_text(content)
    move(store)
    assert store.path("b", "cpu-x86_64").with_name(path.name).read_text() == content


def test_a_sidecar_names_the_new_case(store: GoldenStore) -> None:
    path = store.path("a", "cpu-x86_64").with_name("cpu-x86_64.sensitivity.json")
    path.write_text(json.dumps({"schema": 1, "case": "a", "value": 1e-17}))
    move(store)
    told = json.loads(store.path("b", "cpu-x86_64").with_name(path.name).read_text())
    assert told == {"schema": 1, "case": "b", "value": 1e-17}


def test_what_cannot_be_read_cannot_move(store: GoldenStore) -> None:
    DRAFT.path(store.path("a", "cpu-x86_64")).write_bytes(b"damaged")
    with pytest.raises(UnreadableGolden, match="is truncated"):
        planned(store, "a", "b")
    assert read_document(store.path("a", "cpu-x86_64")).case == "a"
