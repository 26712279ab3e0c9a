"""The next entry of a history, and the golden that it continues."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from harness.core.environment import Change
from harness.core.history import TensorDifference
from harness.core.results.recording import RecordResult, RecordState
from harness.core.results.verdict import TensorResult, Verdict
from harness.golden.header import read_document
from harness.golden.memory.history import history_of
from harness.golden.sidecar import outputs_digest
from harness.golden.tensors import file_sha256
from harness.trials.remembered import Before, before, next_entry
from tests.golden.builders import ACCEPTED, DECISION, write_capture

MOVED = (Change("software.packages.torch", "2.12.0", "2.13.0"),)
TENSOR = TensorResult("images", Verdict.DRIFTED, "float32", (2,), {"rel_l2": 0.5, "mean_abs": 0.1}, {}, {})


def test_nothing_a_readable_golden_and_a_damaged_one(tmp_path: Path) -> None:
    golden = tmp_path / "g.safetensors"
    assert before(golden, None) == Before()
    document = read_document(write_capture(golden, {"images": np.ones(2)}, accepted=ACCEPTED))
    assert before(golden, document) == Before(file_sha256(golden), history_of(document))
    golden.write_bytes(b"damaged")
    assert before(golden, None) == Before(file_sha256(golden))


def test_an_entry_holds_the_decision_and_only_what_changed(tmp_path: Path) -> None:
    document = read_document(write_capture(tmp_path / "c.safetensors", {"images": np.ones(2)}))
    result = RecordResult("a", RecordState.UPDATED, None, None, (), 0.0, (TENSOR,), (), MOVED)
    entry = next_entry("record", document, Before("f" * 64), DECISION, result)
    assert (entry.how, entry.at, entry.by, entry.reason) == (
        "record",
        DECISION.at,
        DECISION.by,
        DECISION.reason,
    )
    assert (entry.outputs, entry.replaced) == (outputs_digest(document), "f" * 64)
    assert entry.environment == MOVED
    assert entry.metrics == (TensorDifference("images", {"rel_l2": 0.5}),)


def test_the_metrics_of_a_judgement_come_first(tmp_path: Path) -> None:
    document = read_document(write_capture(tmp_path / "c.safetensors", {"images": np.ones(2)}))
    result = RecordResult("a", RecordState.UPDATED, None, None, (), 0.0, (TENSOR,))
    judged = (TensorDifference("images", {"rel_l2": 0.25}),)
    decided = replace(DECISION, verdict="drifted", cause="c" * 16, metrics=judged)
    entry = next_entry("accept", document, Before(), decided, result)
    assert (entry.verdict, entry.cause, entry.metrics) == ("drifted", "c" * 16, judged)
