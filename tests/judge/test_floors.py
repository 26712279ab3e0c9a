from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.core.trace import ComponentStructure, ModuleAttributes, Structure
from harness.golden.tensors import TensorFile
from harness.judge.floors import Scale, boundary_floors, floors, scales
from tests.golden.builders import write_capture
from tests.support.traces import Call, make_trace

ONES = np.ones(4, np.float32)


def test_scales(tmp_path: Path) -> None:
    values = np.array([3.0, -4.0, np.inf], np.float32)
    tensors = {"a": values, "b": np.array([0, 200], np.uint8)}
    found = scales(TensorFile(write_capture(tmp_path / "base.safetensors", tensors, text={"said": "hello"})))
    assert found.keys() == {"a", "b"}
    assert (found["a"].peak, found["a"].rms, found["a"].eps) == (4.0, pytest.approx(12.5**0.5), 2.0**-23)
    assert (found["b"].dtype, found["b"].peak, found["b"].eps) == ("uint8", 200.0, 0.0)


def test_floors_by_dtype() -> None:
    scales = {
        "single": Scale("float32", 2.0, 0.5),
        "half": Scale("float16", 1.0, 0.5),
        "bytes": Scale("uint8", 255.0, 100.0),
        "ids": Scale("int64", 9.0, 5.0),
    }
    found = floors(scales)
    assert found["single"] == {"max_abs": 16 * 2.0**-23, "rel_l2": 8 * 2.0**-23}
    assert found["half"] == {"max_abs": 8 * 2.0**-10, "rel_l2": 8 * 2.0**-10}
    assert found["bytes"] == pytest.approx({"max_abs": 1.0, "rel_l2": 0.1 / 100.0})
    assert found["ids"] == {"max_abs": 0.0}


def test_boundary_floors_by_part_and_precision(tmp_path: Path) -> None:
    parts = {
        "unet": ComponentStructure("UNet", {}, {"": 0}),
        "half": ComponentStructure("UNet", {}, {"": 0}),
        "scheduler": ComponentStructure("DDIMScheduler", {}),
    }
    structure = Structure(parts, (ModuleAttributes({}, {}),))
    unet = Call("unet.forward", {"sample": ONES}, {"sample": ONES})
    step = Call("scheduler.step", {"model_output": ONES}, {"prev_sample": ONES})
    half = Call("half.forward", {"sample": ONES}, {"sample": ONES.astype(np.float16)})
    found = boundary_floors(make_trace(tmp_path / "trace", [unet, step, half], structure=structure))
    assert found == pytest.approx(
        {
            "→ unet.forward": 1e-6,
            "unet.forward": 32 * 2.0**-23,
            "→ scheduler.step": 1e-6,
            "scheduler.step": 1e-6,
            "→ half.forward": 8 * 2.0**-10,
            "half.forward": 8 * 2.0**-10,
        }
    )
