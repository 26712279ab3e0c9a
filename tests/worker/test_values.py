"""Values that a test holds, written as captures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from harness.core.case import Case, ModelSpec
from harness.core.trace import TraceLevel
from harness.golden.tensors import TensorFile
from harness.worker.values import write_value

CASE = Case("+tests/a/b", "a.py", ".", "a value of a test", ModelSpec("a.py::b"), trace=TraceLevel.NONE)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (torch.ones(2, 3, dtype=torch.bfloat16), {"output/output": ("bfloat16", (2, 3))}),
        (np.zeros((4,), np.float64), {"output/output": ("float64", (4,))}),
        (Image.new("RGB", (5, 6)), {"output/output": ("uint8", (6, 5, 3))}),
        (
            {"a": torch.ones(1), "b": torch.ones(2)},
            {"output/a": ("float32", (1,)), "output/b": ("float32", (2,))},
        ),
    ],
    ids=["tensor", "array", "image", "mapping"],
)
def test_a_value_is_kept_in_its_own_dtype(
    tmp_path: Path, value: object, found: dict[str, tuple[str, tuple[int, ...]]]
) -> None:
    path = tmp_path / "capture.safetensors"
    here = write_value(path, CASE, value)
    with TensorFile(path) as file:
        assert {name: (info.dtype, info.shape) for name, info in file.tensors.items()} == found
        assert file.document.environment == here
        assert file.document.digest == CASE.digest()
    assert here.platform.startswith("cpu-")
    assert here.software.packages["torch"].startswith(torch.__version__.partition("+")[0])


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="output"):
        write_value(tmp_path / "capture.safetensors", CASE, object())
    assert list(tmp_path.iterdir()) == []
