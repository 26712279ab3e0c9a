"""What may become a golden, and what is said about it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from harness.core.results.recording import RecordState
from harness.errors import NotAGolden
from harness.golden.store import GoldenStore
from harness.report.reason_words import reason_words, step_words
from harness.trials.acceptance import accept_capture
from tests.golden.builders import DECISION, a_case, write_capture
from tests.support.files import describe
from tests.support.traces import Call, write_trace

CASE = a_case("ddim/two")
GOOD = np.linspace(0, 1, 32, dtype=np.float32)
NOTHING = np.full(32, np.nan, np.float32)


def test_outputs_that_judge_nothing_never_replace_a_golden(tmp_path: Path) -> None:
    store = GoldenStore(tmp_path / "goldens")
    good = write_capture(tmp_path / "good.safetensors", {"images": GOOD}, case=CASE)
    golden = Path(str(accept_capture(CASE, good, store, how="record", runs=2, decision=DECISION).golden))
    before = golden.read_bytes()
    bad = write_capture(tmp_path / "bad.safetensors", {"images": NOTHING}, case=CASE)
    result = accept_capture(CASE, bad, store, how="record", runs=2, decision=DECISION, seconds=3.0)
    assert (result.state, result.golden, result.seconds) == (RecordState.BROKEN, None, 3.0)
    assert (
        reason_words(result.reasons) == "images: all 32 values are NaN or Inf; such a golden judges nothing"
    )
    assert (
        step_words(result.next_steps)
        == "fix the pipeline or configs/ddim/two.yaml, then run: harness record ddim/two"
    )
    assert golden.read_bytes() == before


def test_weak_outputs_are_stored_and_warned_about(tmp_path: Path) -> None:
    some = GOOD.copy()
    some[3] = np.inf
    weak = write_capture(
        tmp_path / "weak.safetensors", {"images": some}, case=CASE, warnings=("from the run",)
    )
    result = accept_capture(
        CASE, weak, GoldenStore(tmp_path / "goldens"), how="accept", runs=1, decision=DECISION
    )
    assert result.state is RecordState.RECORDED
    assert result.warnings == ("from the run", "images: 1 of 32 values are NaN or Inf")


def test_what_makes_the_case_a_bad_judge_is_warned_about(tmp_path: Path) -> None:
    black = Call("pipeline.__call__", {"image": np.zeros((8, 8, 3), np.uint8)})
    capture = write_trace(tmp_path / "black.safetensors", [black])
    result = accept_capture(
        CASE, capture, GoldenStore(tmp_path / "goldens"), how="record", runs=2, decision=DECISION
    )
    (warning,) = result.warnings
    assert warning.startswith("constant image: call.image is 0 everywhere")


@pytest.mark.parametrize(
    "odd", [{"perturbed": 0}, {"forced": True}, {"case": "sd/other"}, {"digest": "0" * 64}]
)
def test_what_can_be_no_golden_is_refused(tmp_path: Path, odd: dict[str, object]) -> None:
    capture = write_capture(tmp_path / "odd.safetensors", {"images": GOOD}, case=CASE)
    describe(capture, lambda document: document.update(odd))
    with pytest.raises(NotAGolden, match="cannot be a golden"):
        accept_capture(
            CASE, capture, GoldenStore(tmp_path / "goldens"), how="accept", runs=1, decision=DECISION
        )
    assert not (tmp_path / "goldens").exists()


def test_weights_that_the_old_golden_did_not_know_are_a_change(tmp_path: Path) -> None:
    store = GoldenStore(tmp_path / "goldens")
    for weights, state, reason in (
        ({}, RecordState.RECORDED, ""),
        ({"unet": "1" * 64}, RecordState.UPDATED, "the same bits, recorded again with different weights"),
        ({"unet": "1" * 64}, RecordState.UNCHANGED, "equal to the existing golden bit for bit"),
    ):
        capture = write_capture(tmp_path / "c.safetensors", {"images": GOOD}, case=CASE, weights=weights)
        result = accept_capture(CASE, capture, store, how="record", runs=2, decision=DECISION)
        assert (result.state, reason_words(result.reasons)) == (state, reason)


def test_two_at_once_lose_no_entry(tmp_path: Path) -> None:
    """Each reads the history and replaces the golden: no other may come in between."""
    store = GoldenStore(tmp_path / "goldens")
    captures = [
        write_capture(tmp_path / f"{one}.safetensors", {"images": GOOD * one}, case=CASE) for one in (1, 2, 3)
    ]
    accept_capture(CASE, captures[0], store, how="record", runs=2, decision=DECISION)

    def many(capture: Path) -> int:
        states = [
            accept_capture(CASE, capture, store, how="accept", runs=1, decision=DECISION).state
            for _ in range(20)
        ]
        return states.count(RecordState.UPDATED)

    with ThreadPoolExecutor(2) as pool:
        updated = sum(pool.map(many, captures[1:]))
    [platform] = store.platforms(CASE.id)
    assert updated >= 2
    assert len(store.document(store.path(CASE.id, platform)).history) == 1 + updated
