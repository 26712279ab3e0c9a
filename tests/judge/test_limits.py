from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from harness.core.tolerance import Allowance, Limits, Rule
from harness.golden.tensors import TensorFile
from harness.judge.limits import largest, toothless_limit
from harness.judge.outputs.metrics import measure
from harness.report.reason_words import reason_words
from tests.golden.builders import write_capture


@pytest.mark.parametrize("dtype", ["uint8", "int8", "bool", "float16", "float32", "int64"])
def test_the_bounds_are_those_of_the_two_extremes(dtype: str) -> None:
    kind = np.dtype(dtype)
    info = np.finfo(kind) if kind.kind == "f" else np.iinfo(kind) if kind.kind in "iu" else None
    low, high = (info.min, info.max) if info else (False, True)
    found = measure([np.array([low], kind)], [np.array([high], kind)]).metrics
    for metric in ("max_abs", "mean_abs", "max_ulp"):
        assert largest(dtype)[metric] == pytest.approx(found[metric], rel=1e-12)


def told(file: TensorFile, allowance: Allowance | Mapping[str, Limits]) -> str:
    found = toothless_limit(file, allowance)
    return reason_words([found] if found else [])


def test_texts_and_exact_outputs_have_teeth(tmp_path: Path) -> None:
    path = write_capture(tmp_path / "a.safetensors", {"a": np.zeros(2, np.uint8)}, text={"said": "hello"})
    with TensorFile(path) as file:
        assert toothless_limit(file, Rule.EXACT) is None
        assert toothless_limit(file, {}) is None
        assert toothless_limit(file, Limits(max_abs=254.0)) is None
        assert told(file, {"a": Limits(max_abs=255.0)}).startswith("a: the limit max_abs 255")
        assert told(file, Limits(psnr=0.0)).startswith("a: the limit psnr 0")
