"""The history of any golden, also of one that is older than histories."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from harness.core.history import Entry, Person
from harness.golden.header import read_document
from harness.golden.memory.history import history_of
from harness.golden.sidecar import outputs_digest
from tests.golden.builders import ACCEPTED, write_capture
from tests.support.files import describe

ENTRY = Entry("accept", "2026-02-01T00:00:00+00:00", Person("Ann"), "because", "0" * 64)


def test_an_older_golden_has_one_entry_that_knows_no_person(tmp_path: Path) -> None:
    golden = write_capture(tmp_path / "g.safetensors", {"images": np.ones(3)}, accepted=ACCEPTED)

    def older(document: dict) -> None:
        assert document.pop("history") == []
        assert document.pop("draft") is None

    describe(golden, older)
    assert "history" not in json.dumps(str(golden.read_bytes()[:20000]))
    document = read_document(golden)
    expected = Entry("record", "2026-01-01T00:00:00+00:00", None, "", outputs_digest(document))
    assert history_of(document) == (expected,)


def test_a_history_is_as_it_was_written(tmp_path: Path) -> None:
    golden = write_capture(
        tmp_path / "g.safetensors", {"images": np.ones(3)}, accepted=ACCEPTED, history=(ENTRY,)
    )
    assert history_of(read_document(golden)) == (ENTRY,)


def test_a_capture_has_none(tmp_path: Path) -> None:
    capture = write_capture(tmp_path / "c.safetensors", {"images": np.ones(3)})
    assert history_of(read_document(capture)) == ()
