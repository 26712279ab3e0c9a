from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.explain.differences import Sides
from harness.explain.pipeline_code import Handed, batch_changed, handed
from harness.explain.timeline import Timeline, timeline
from harness.judge.traces.stages import Stage
from tests.support.traces import Call, make_trace

RANDOM = np.random.default_rng(5)
PAIR = RANDOM.standard_normal((2, 4, 3)).astype(np.float32)
PICTURE = RANDOM.standard_normal((1, 6, 4, 4)).astype(np.float32)


def line(folder: Path, golden: list[Call], now: list[Call], keep: bool = True) -> Timeline:
    traces = [make_trace(folder / name, one, keep=keep) for name, one in (("golden", golden), ("now", now))]
    return timeline(Sides(traces[0], traces[1]))


def given(folder: Path, golden: Any, now: Any, slot: str = "sample", keep: bool = True) -> Handed:
    """The sentence about another input of the denoiser."""
    both = ([Call("unet.forward", {slot: value})] for value in (golden, now))
    return handed(line(folder, *both, keep=keep), 0)


@pytest.mark.parametrize("keep", [True, False])
def test_swapped_halves(keep: bool, tmp_path: Path) -> None:
    found = given(tmp_path, PAIR, PAIR[::-1].copy(), "encoder_hidden_states", keep)
    assert (found.swapped, found.stage, found.scale) == (True, Stage.GUIDANCE, None)


def test_not_swapped(tmp_path: Path) -> None:
    found = given(tmp_path, PAIR, PAIR + np.float32(0.1), "encoder_hidden_states")
    assert (found.swapped, found.stage) == (False, Stage.TEXT_ENCODING)
    odd = RANDOM.standard_normal((3, 4))
    assert not given(tmp_path, odd, odd[::-1].copy()).swapped


@pytest.mark.parametrize("keep", [True, False])
def test_scaled(keep: bool, tmp_path: Path) -> None:
    found = given(tmp_path, PAIR, PAIR * np.float32(1.25), keep=keep)
    assert found.scale == pytest.approx(1.25)
    assert found.rel_l2 == pytest.approx(0.25, rel=1e-6 if keep else 0.5)


@pytest.mark.parametrize("keep", [True, False])
def test_not_scaled(keep: bool, tmp_path: Path) -> None:
    now = PAIR + RANDOM.standard_normal(PAIR.shape).astype(np.float32) / 10
    assert given(tmp_path, PAIR, now, keep=keep).scale is None


def test_channels(tmp_path: Path) -> None:
    now = PICTURE.copy()
    now[:, 3:5] += 1
    found = given(tmp_path, PICTURE, now)
    # noise and a picture side by side: the picture is what differs
    assert (found.channels, found.stage) == ((3, 4), Stage.IMAGE_ENCODING)
    assert given(tmp_path, PICTURE, PICTURE + 1).channels is None
    assert given(tmp_path, PICTURE, PICTURE + 1).stage is Stage.NOISE


def test_values_and_ids_before_numbers(tmp_path: Path) -> None:
    golden = [Call("unet.forward", {"sample": PAIR, "timestep": np.array(7)})]
    now = [Call("unet.forward", {"sample": PAIR * 2, "timestep": np.array(8)})]
    found = handed(line(tmp_path, golden, now), 0)
    assert found == Handed(Stage.SCHEDULER, "timestep", None, ("7", "8"))


def test_plain_value(tmp_path: Path) -> None:
    golden, now = ([Call("scheduler.step", values={"eta": x})] for x in (0.0, 0.5))
    assert handed(line(tmp_path, golden, now), 0) == Handed(Stage.SCHEDULER, "eta", None, ("0.0", "0.5"))


def test_producer(tmp_path: Path) -> None:
    def calls(handed_on: np.ndarray) -> list[Call]:
        return [
            Call("text_encoder.forward", {}, {"0": PAIR}),
            Call("vae.encode", {}, {"0": PICTURE}),
            Call("unet.forward", {"class_labels": handed_on}),
        ]

    found = handed(line(tmp_path, calls(PAIR), calls(PAIR + 1)), 2)
    assert found.producer is not None
    assert found.producer.name == "text_encoder.forward"
    assert found.stage is Stage.TEXT_ENCODING


def test_half_the_batch_is_guidance(tmp_path: Path) -> None:
    golden = [Call("unet.forward", {"sample": PAIR})]
    found = line(tmp_path, golden, [Call("unet.forward", {"sample": PAIR[:1]})])
    assert handed(found, 0) == Handed(Stage.GUIDANCE, "sample.shape", None, ("[2, 4, 3]", "[1, 4, 3]"))
    assert batch_changed(found.steps[0], found.sides)
    other = line(tmp_path, golden, [Call("unet.forward", {"sample": PAIR[:, :2]})])
    assert not batch_changed(other.steps[0], other.sides)
    assert handed(other, 0).stage is Stage.NOISE


def test_nothing_differs(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^unet\.forward 0: no input differs"):
        given(tmp_path, PAIR, PAIR)
