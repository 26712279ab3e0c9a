from __future__ import annotations

from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from harness.core.results.measure_reasons import OutputJudgesNothing
from harness.golden import tensors
from harness.golden.tensors import TensorFile
from harness.judge.outputs.output_checks import OutputChecks, check_outputs
from tests.golden.builders import write_capture

RAMP = np.linspace(0, 1, 100, dtype=np.float32)


def judged(folder: Path, outputs: dict[str, Any], **text: str) -> OutputChecks:
    with TensorFile(write_capture(folder / "a.safetensors", outputs, text=text)) as file:
        return check_outputs(file)


def with_values(places: int, value: float) -> Any:
    changed = RAMP.copy()
    changed[:places] = value
    return changed


@pytest.mark.parametrize(
    "dtype", [np.float32, np.float64, np.float16, ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, np.complex64]
)
def test_nothing_but_nan_and_inf_is_refused_in_every_dtype(tmp_path: Path, dtype: Any) -> None:
    found = judged(tmp_path, {"images": np.full((3, 2), np.nan).astype(dtype), "fine": RAMP})
    assert found == OutputChecks((OutputJudgesNothing("images", 6),), ())


def test_infinities_count_as_nan_does(tmp_path: Path) -> None:
    found = judged(tmp_path, {"a": np.array([np.inf, -np.inf, np.nan])})
    assert found.refusals == (OutputJudgesNothing("a", 3),)


def test_some_of_them_are_warned_about_with_their_number(tmp_path: Path) -> None:
    assert judged(tmp_path, {"a": with_values(7, np.nan)}) == OutputChecks(
        (), ("a: 7 of 100 values are NaN or Inf",)
    )


def test_a_constant_output_is_warned_about(tmp_path: Path) -> None:
    outputs = {"a": np.full((4, 4), 0.5), "pixels": np.full((4, 4), 255, np.uint8)}
    assert judged(tmp_path, outputs).warnings == (
        "a: constant, every finite value is 0.5; a change may not show",
        "pixels: constant, every finite value is 255; a change may not show",
    )


def test_a_saturated_output_is_warned_about(tmp_path: Path) -> None:
    ends = np.array([0.0, 1.0] * 99 + [0.25, 0.75], np.float32)
    assert judged(tmp_path, {"a": ends}).warnings == (
        "a: saturated, 99 % of the values are 0 or 1; a change may not show",
    )
    assert judged(tmp_path, {"a": np.append(ends, np.float32(0.5))}) == OutputChecks((), ())


def test_values_are_counted_over_all_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensors, "CHUNK_BYTES", 16)
    # The ends move outwards from piece to piece, come again, and need not be in the last piece.
    up = np.repeat(np.array([0.5, 0.0, 1.0] + [0.0, 1.0] * 200, np.float32), 4)
    found = judged(tmp_path, {"down": 1 - up, "other": np.repeat(RAMP, 4), "up": up})
    assert found.warnings == (
        "down: saturated, 99.8 % of the values are 0 or 1; a change may not show",
        "up: saturated, 99.8 % of the values are 0 or 1; a change may not show",
    )


@pytest.mark.parametrize(
    "output",
    [
        RAMP,
        np.zeros(15),
        np.zeros(16, np.int64),
        np.zeros(16, np.bool_),
        np.zeros((0, 3)),
        np.array(0.0),
    ],
    ids=["ordinary", "few", "whole numbers", "flags", "empty", "scalar"],
)
def test_what_may_well_be_so_is_passed_over(tmp_path: Path, output: Any) -> None:
    assert judged(tmp_path, {"a": output}, told="aaaaaaaaaaaaaaaaaaaaaaaa") == OutputChecks((), ())
