"""The evidence of a case: what is opened for which outcome, under which relation, and that all of it is closed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.core.capture import Completed, Lost, Outcome, Raised, Unavailable
from harness.core.tolerance import Relation
from harness.errors import UnreadableGolden
from harness.golden.store import GoldenStore, Missing
from harness.golden.tensors import file_sha256
from harness.judge import evidence as module
from harness.judge.evidence import JudgingGolden, Opened, gathered
from tests.core.samples import case
from tests.golden.builders import ACCEPTED, environment, write_capture

VALUES = {"images": np.linspace(0, 1, 64, dtype=np.float32)}
HERE, NEWER = environment(), environment(torch="9.9.9")


@pytest.fixture
def store(tmp_path: Path) -> GoldenStore:
    found = GoldenStore(tmp_path / "goldens")
    write_capture(found.path(case().id, "cpu-x86_64"), VALUES, case=case(), accepted=ACCEPTED)
    return found


@pytest.fixture
def completed(tmp_path: Path) -> Completed:
    capture = tmp_path / "capture.safetensors"
    write_capture(capture, VALUES, case=case())
    return Completed(str(capture), HERE, 1.0)


def test_a_run_that_completed_has_golden_and_capture(store: GoldenStore, completed: Completed) -> None:
    with gathered(case(), completed, store) as found:
        assert isinstance(found.capture, Opened)
        assert isinstance(found.golden, JudgingGolden)
        assert found.capture.path == Path(completed.path)
        assert (found.golden.relation, found.golden.asked) == (Relation.SAME, False)
        assert found.golden.sha256 == file_sha256(found.golden.path)


@pytest.mark.parametrize(
    ("outcome", "golden"),
    [(Raised("E: no", "", HERE, 1.0), True), (Lost("killed"), False), (Unavailable("no device"), False)],
    ids=["raised", "lost", "unavailable"],
)
def test_of_other_runs_only_one_that_raised_has_a_golden(
    store: GoldenStore, outcome: Outcome, golden: bool
) -> None:
    with gathered(case(), outcome, store) as found:
        assert found.capture is None
        assert isinstance(found.golden, JudgingGolden) is golden


def test_the_relation_is_found_unless_another_one_is_asked_for(
    store: GoldenStore, completed: Completed
) -> None:
    moved = Completed(completed.path, NEWER, 1.0)
    for outcome, asked, relation, was_asked in (
        (moved, None, Relation.SAME_HARDWARE, False),
        (moved, Relation.SAME_HARDWARE, Relation.SAME_HARDWARE, False),
        (completed, Relation.CROSS_HARDWARE, Relation.CROSS_HARDWARE, True),
    ):
        with gathered(case(), outcome, store, relation=asked) as found:
            assert isinstance(found.golden, JudgingGolden)
            assert (found.golden.relation, found.golden.asked) == (relation, was_asked)


def test_what_cannot_be_read_is_there_as_the_error(store: GoldenStore, completed: Completed) -> None:
    store.path(case().id, "cpu-x86_64").write_bytes(b"no golden any more")
    Path(completed.path).write_bytes(b"")
    with gathered(case(), completed, store) as found:
        assert isinstance(found.golden, UnreadableGolden)
        assert isinstance(found.capture, UnreadableGolden)


def test_without_a_golden_it_says_so(tmp_path: Path, completed: Completed) -> None:
    with gathered(case(), completed, GoldenStore(tmp_path / "none")) as found:
        assert isinstance(found.golden, Missing)


def test_a_trace_is_decoded_once_and_let_go_of_at_the_end(
    store: GoldenStore, completed: Completed, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = list[object]()
    monkeypatch.setattr(module, "read_trace", lambda file: decoded.append(file) or object())
    with gathered(case(), completed, store) as found:
        assert isinstance(found.capture, Opened)
        assert found.capture.trace is found.capture.trace
        assert len(decoded) == 1
        kept = found.capture
    assert "trace" not in vars(kept)


def test_every_file_is_closed_at_the_end(
    store: GoldenStore, completed: Completed, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = list[str]()
    monkeypatch.setattr(Opened, "close", lambda self: closed.append(self.path.parent.name))
    with gathered(case(), completed, store) as found:
        found.replayed(completed)
        assert found.replay is not None
        assert found.replay.decides
    golden, capture = Path(store.path(case().id, "x")).parent.name, Path(completed.path).parent.name
    assert sorted(closed) == sorted([golden, capture, capture])
