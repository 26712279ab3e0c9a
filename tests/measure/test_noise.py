from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.golden.tensors import TensorFile
from harness.golden.trace import Trace
from harness.measure.noise import (
    Incomparable,
    boundary_noise,
    growth,
    moved,
    output_noise,
    rounded,
)
from tests.golden.builders import write_capture
from tests.support.traces import Call, make_trace

ONES = np.ones(4, np.float32)


def files(
    folder: Path, base: dict[str, Any], varied: dict[str, Any], **both: Any
) -> tuple[TensorFile, TensorFile]:
    return (
        TensorFile(write_capture(folder / "base.safetensors", base, **both)),
        TensorFile(write_capture(folder / "varied.safetensors", varied, **both)),
    )


def test_noise_has_every_metric_of_every_output(tmp_path: Path) -> None:
    found = output_noise(*files(tmp_path, {"a": ONES * 2, "b": ONES}, {"a": ONES * 2.5, "b": ONES}))
    assert [one.output for one in found] == ["a", "b"]
    assert found[0].metrics["max_abs"] == 0.5
    assert found[0].metrics["rel_l2"] == 0.25
    assert found[1].metrics["max_abs"] == found[1].metrics["rel_l2"] == 0.0
    assert found[1].metrics["psnr"] is None


@pytest.mark.parametrize(
    ("varied", "told"),
    [
        ({"a": np.ones(5, np.float32)}, "a: float32"),
        ({"a": ONES.astype(np.float16)}, "a: float32"),
        ({"b": ONES}, "it returns output/b"),
        ({"a": np.array([1, 1, 1, np.nan], np.float32)}, "a: NaN or Inf"),
    ],
)
def test_what_has_no_distance(varied: dict[str, Any], told: str, tmp_path: Path) -> None:
    with pytest.raises(Incomparable, match=told):
        output_noise(*files(tmp_path, {"a": ONES}, varied))


def test_texts_have_to_be_equal(tmp_path: Path) -> None:
    assert len(output_noise(*files(tmp_path, {"a": ONES}, {"a": ONES}, text={"said": "hello"}))) == 1
    base = TensorFile(write_capture(tmp_path / "one.safetensors", {"a": ONES}, text={"said": "hello"}))
    varied = TensorFile(write_capture(tmp_path / "two.safetensors", {"a": ONES}, text={"said": "hallo"}))
    with pytest.raises(Incomparable, match="said: another text"):
        output_noise(base, varied)


def calls(*steps: np.ndarray, unet: np.ndarray = ONES) -> list[Call]:
    found = [Call("unet.forward", {"sample": ONES}, {"sample": unet})]
    return found + [Call("scheduler.step", {"model_output": ONES}, {"prev_sample": one}) for one in steps]


def traces(folder: Path, base: list[Call], varied: list[Call]) -> tuple[Trace, Trace]:
    return make_trace(folder / "base", base), make_trace(folder / "varied", varied)


def test_growth_is_of_the_scheduler_s_steps(tmp_path: Path) -> None:
    base = calls(ONES, ONES, ONES, unet=ONES)
    varied = calls(ONES, ONES * np.float32(1.5), ONES * np.float32(3), unet=ONES * 9)
    (found,) = growth(*traces(tmp_path, base, varied))
    assert (found.event, found.curve) == ("scheduler.step", (0.0, 0.5, 2.0))


def test_growth_leaves_out_steps_of_another_shape(tmp_path: Path) -> None:
    assert growth(*traces(tmp_path, calls(ONES), calls(np.ones((2, 4), np.float32)))) == ()


def test_boundary_noise_is_the_worst_call_of_each_event(tmp_path: Path) -> None:
    varied = calls(ONES, ONES * np.float32(1.25), ONES * np.float32(1.125))
    found = boundary_noise(*traces(tmp_path, calls(ONES, ONES, ONES), varied), seeded=True)
    assert found == {
        "→ unet.forward": 0.0,
        "unet.forward": 0.0,
        "→ scheduler.step": 0.0,
        "scheduler.step": 0.25,
    }


def test_a_boundary_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(Incomparable, match=r"scheduler\.step\[1\]"):
        boundary_noise(*traces(tmp_path, calls(ONES, ONES), calls(ONES)), seeded=True)


def test_moved(tmp_path: Path) -> None:
    base, same = files(tmp_path, {"a": ONES}, {"a": ONES})
    assert not moved(base, same, None, None)
    _, other = files(tmp_path / "other", {"a": ONES}, {"a": ONES * 2})
    assert moved(base, other, None, None)
    alike, also = traces(tmp_path / "alike", calls(ONES), calls(ONES))
    assert not moved(base, same, alike, also)
    _, inside = traces(tmp_path / "inside", calls(ONES), calls(ONES, unet=ONES * 2))
    assert moved(base, same, alike, inside)
    _, shorter = traces(tmp_path / "shorter", calls(ONES), calls())
    assert moved(base, same, alike, shorter)


def test_rounded() -> None:
    assert rounded(1.23456e-7) == 1.23e-7
    assert rounded(float("inf")) is None
