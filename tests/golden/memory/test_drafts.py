"""What a draft's file says of itself, and whether it still waits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.core.history import Confirmation, Draft, Entry, Person
from harness.errors import NotAGolden, UnreadableGolden
from harness.golden.memory.drafts import DRAFT, DraftState, draft_state, read_draft, write_draft
from harness.golden.store import GoldenStore
from harness.golden.tensors import file_sha256
from tests.golden.builders import ACCEPTED, a_case, write_capture

ANN = Person("Ann")
ENTRY = Entry("accept", "2026-02-01T00:00:00+00:00", ANN, "because", "0" * 64)


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    return tmp_path / "goldens/ddim/two/cpu-x86_64.safetensors"


def proposed(golden: Path, draft: Draft) -> Path:
    capture = write_capture(golden.parents[3] / "c.safetensors", {"images": np.ones(3)}, accepted=ACCEPTED)
    return write_draft(capture, golden, draft)


def test_it_lies_beside_the_golden_and_is_none(golden: Path) -> None:
    path = proposed(golden, Draft(None, 1, ENTRY))
    assert path.name == "cpu-x86_64.draft.safetensors"
    assert DRAFT.golden(path) == golden
    document, draft = read_draft(golden, "ddim/two")
    assert (draft, document.accepted) == (Draft(None, 1, ENTRY), None)
    store = GoldenStore(golden.parents[2])
    assert store.platforms("ddim/two") == ()
    assert store.drafts("ddim/two") == ("cpu-x86_64",)
    assert store.drafts("ddim/none") == ()


def test_it_waits_as_long_as_the_golden_stays(golden: Path) -> None:
    first = Draft(None, 1, ENTRY)
    assert draft_state(golden, first) is DraftState.WAITING
    write_capture(golden, {"images": np.zeros(3)}, accepted=ACCEPTED)
    assert draft_state(golden, first) is DraftState.OUTDATED
    assert draft_state(golden, Draft(file_sha256(golden), 1, ENTRY)) is DraftState.WAITING
    confirmed = replace(ENTRY, confirmed=Confirmation(ANN, "2026-02-02T00:00:00+00:00"))
    write_capture(golden, {"images": np.ones(3)}, accepted=ACCEPTED, history=(confirmed,))
    assert draft_state(golden, first) is DraftState.PROMOTED
    renamed = replace(ENTRY, how="rename", renamed="ddim/one")
    write_capture(golden, {"images": np.ones(3)}, accepted=ACCEPTED, history=(confirmed, renamed))
    assert draft_state(golden, first) is DraftState.PROMOTED
    golden.write_bytes(b"damaged")
    with pytest.raises(UnreadableGolden):
        draft_state(golden, first)


def test_it_is_outdated_once_its_golden_is_gone(golden: Path) -> None:
    assert draft_state(golden, Draft("0" * 64, 1, ENTRY)) is DraftState.OUTDATED


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ({}, "`harness accept --draft` did not make it"),
        ({"draft": Draft(None, 1, ENTRY), "case": a_case("other")}, "it holds the case other, not ddim/two"),
        ({"draft": Draft(None, 1, ENTRY), "perturbed": 2}, "it holds a run that was perturbed on purpose"),
    ],
)
def test_what_is_no_draft(golden: Path, document: dict, complaint: str) -> None:
    write_capture(DRAFT.path(golden), {"images": np.ones(3)}, **document)
    with pytest.raises(NotAGolden) as caught:
        read_draft(golden, "ddim/two")
    assert complaint in str(caught.value)


def test_a_draft_of_another_platform(golden: Path) -> None:
    other = golden.with_name("cpu-aarch64.safetensors")
    proposed(golden, Draft(None, 1, ENTRY)).rename(DRAFT.path(other))
    with pytest.raises(NotAGolden, match="it was made on cpu-x86_64"):
        read_draft(other, a_case().id)
