from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.core.trace import ComponentStructure, Structure
from harness.golden.tensors import TensorFile
from harness.judge.weaknesses import (
    amplification_weakness,
    capture_weaknesses,
    input_weaknesses,
    trace_weaknesses,
)
from tests.golden.builders import write_capture
from tests.support.traces import Call, make_trace

RAMP = np.linspace(-1, 1, 64, dtype=np.float32)


@pytest.mark.parametrize(("amplification", "count"), [(None, 0), (99.0, 0), (101.0, 1)])
def test_amplification(amplification: float | None, count: int) -> None:
    found = list(amplification_weakness(amplification))
    assert len(found) == count
    assert all("fewer steps" in gate.advice for gate in found)


def test_inputs_without_effect() -> None:
    assert [gate.found for gate in input_weaknesses(["prompt"])] == [
        "call.prompt was replaced and no bit of the outputs changed"
    ]


def test_a_constant_output(tmp_path: Path) -> None:
    flat = write_capture(tmp_path / "flat.safetensors", {"images": np.zeros(64, np.float32)})
    (gate,) = capture_weaknesses(TensorFile(flat))
    assert (gate.name, gate.found.partition(",")[0]) == ("output", "images: constant")
    ramp = write_capture(tmp_path / "ramp.safetensors", {"images": RAMP})
    assert list(capture_weaknesses(TensorFile(ramp))) == []


@pytest.mark.parametrize(
    ("name", "values", "count"),
    [
        ("image", np.zeros((8, 8, 3), np.uint8), 1),
        ("image", np.arange(192, dtype=np.uint8).reshape(8, 8, 3), 0),
        ("mask_image", np.full((8, 8), 255, np.uint8), 0),
        ("image", np.zeros(4, np.uint8), 0),
        ("guess", np.zeros((8, 8, 3), np.uint8), 0),
    ],
)
def test_constant_images(name: str, values: np.ndarray, count: int, tmp_path: Path) -> None:
    trace = make_trace(tmp_path / "trace", [Call("pipeline.__call__", {name: values})])
    found = list(trace_weaknesses(trace))
    assert [gate.name for gate in found] == ["constant image"] * count


def clipping(folder: Path, predictions: list[np.ndarray], *, clips: bool) -> list[str]:
    calls = [
        Call("scheduler.step", {"model_output": RAMP}, {"prev_sample": RAMP, "pred_original_sample": one})
        for one in predictions
    ]
    parts = {"scheduler": ComponentStructure("DDIMScheduler", {"clip_sample": clips})}
    return [
        gate.found
        for gate in trace_weaknesses(make_trace(folder / "trace", calls, structure=Structure(parts)))
    ]


def test_clip_boundaries(tmp_path: Path) -> None:
    # 48 of 64 values beyond 0.25 of either sign
    most = np.clip(RAMP, -0.25, 0.25)
    (found,) = clipping(tmp_path, [RAMP, most], clips=True)
    assert found == "75 % of the last prediction of scheduler lies at its clip boundary"
    assert clipping(tmp_path, [most, RAMP], clips=True) == []
    assert clipping(tmp_path, [most], clips=False) == []
