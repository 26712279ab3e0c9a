from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.core.trace import TraceLevel
from harness.errors import UnreadableGolden
from harness.golden.completeness import check_whole, not_comparable
from harness.golden.tensors import TensorFile
from harness.golden.trace import read_trace
from tests.golden.builders import write_capture
from tests.support.files import flip_bit
from tests.support.traces import Call, write_trace

IMAGES = np.linspace(0, 1, 8, dtype=np.float32)


def lacking(golden: Path, now: Path, wanted: TraceLevel) -> tuple[str, ...]:
    with TensorFile(golden) as ours, TensorFile(now) as theirs:
        return not_comparable(ours, read_trace(ours), theirs, read_trace(theirs), wanted)


def test_what_a_case_asks_for_decides(tmp_path: Path) -> None:
    full = write_trace(tmp_path / "full", [Call("unet.forward", {"sample": IMAGES}, {"sample": IMAGES})])
    none = write_capture(tmp_path / "none", {"images": IMAGES})
    assert lacking(full, full, TraceLevel.FULL) == ()
    assert lacking(full, full, TraceLevel.MODULES) == (
        "the golden has a trace of level full, but the case asks for modules",
        "the run has a trace of level full, but the case asks for modules",
    )
    assert lacking(full, full, TraceLevel.COMPONENTS) == ()
    assert lacking(none, full, TraceLevel.COMPONENTS) == ("the golden has no trace",)
    assert lacking(full, none, TraceLevel.COMPONENTS) == ("the run has no trace",)
    assert lacking(none, none, TraceLevel.NONE) == ()


def test_weights_count_without_a_trace_too(tmp_path: Path) -> None:
    known = write_capture(tmp_path / "known", {"images": IMAGES}, weights={"unet": "1" * 64})
    unknown = write_capture(tmp_path / "unknown", {"images": IMAGES})
    told = ("the golden does not record which weights it was made from",)
    assert lacking(unknown, known, TraceLevel.NONE) == told
    assert lacking(known, unknown, TraceLevel.NONE) == (), "what is in neither structure was not there"


@pytest.mark.parametrize("tensor", ["trace/events", "trace/sketches", "trace/bits"])
def test_every_byte_is_read(tmp_path: Path, tensor: str) -> None:
    path = write_trace(tmp_path / "a", [Call("unet.forward", {"sample": IMAGES}, {"sample": IMAGES})])
    with TensorFile(path) as file:
        check_whole(file)
    flip_bit(path, tensor)
    with TensorFile(path) as file, pytest.raises(UnreadableGolden, match=f"{tensor} is damaged"):
        check_whole(file)
