from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from harness.core.trace import Slot, TraceLevel
from harness.errors import UnreadableGolden
from harness.golden.tensors import TensorFile
from harness.golden.trace import Trace, read_trace
from tests.golden.builders import write_capture
from tests.support.files import edit, flip_bit
from tests.support.traces import Call, make_trace, names, open_trace, write_trace

RANDOM = np.random.default_rng(3)
LONG = RANDOM.standard_normal(5000).astype(np.float32)


def calls() -> list[Call]:
    noise = np.arange(6, dtype=np.float32).reshape(2, 3)
    draw = Call("noise.randn_tensor", {}, {"noise": noise * 2}, {"generator": "cpu"})
    return [
        Call("pipeline.__call__", {}, {}, {"prompt": "seven"}),
        Call("unet.forward", {"sample": noise, "timestep": np.array(981)}, {"sample": noise + 1}),
        Call("scheduler.step", {"sample": noise}, {"prev_sample": noise}, inside=[draw]),
        Call("unet.forward", {"sample": noise, "timestep": np.array(961)}, {"sample": noise + 2}),
        Call("pipeline.output", {"images": noise.astype(ml_dtypes.bfloat16)}),
    ]


def pair(folder: Path, golden: np.ndarray, now: np.ndarray) -> tuple[Trace, Trace]:
    sides = (("golden", golden), ("now", now))
    first, second = (make_trace(folder / side, [Call("unet.forward", {}, {"0": one})]) for side, one in sides)
    return first, second


def test_events_in_order(tmp_path: Path) -> None:
    trace = make_trace(tmp_path / "a.safetensors", calls())
    expected = ["pipeline.__call__", "unet.forward", "scheduler.step", "noise.randn_tensor", "unet.forward"]
    assert names(trace.events) == [*expected, "pipeline.output"]
    assert [event.index for event in trace.events] == [0, 0, 0, 0, 1, 0]
    assert [event.parent for event in trace.events] == [None, None, None, 2, None, None]
    assert trace.events[0].values == {"prompt": "seven"}
    assert trace.events[4].values == {"in:timestep": 961}
    assert trace.index.level is TraceLevel.FULL
    assert trace.class_of("unet").endswith(".UNet2DConditionModel")
    assert trace.class_of("noise") == ""


def test_equal_tensors_are_one_row(tmp_path: Path) -> None:
    trace = make_trace(tmp_path / "a.safetensors", calls())
    step = trace.events[2]
    assert step.inputs == step.outputs == trace.events[1].inputs[:1]
    assert trace.norms[step.inputs[0]] == pytest.approx(55**0.5)  # 0 + 1 + 4 + 9 + 16 + 25


def test_module_paths(tmp_path: Path) -> None:
    inside = [Call("unet:mid_block.norm.forward")]
    trace = make_trace(tmp_path / "a.safetensors", [Call("unet.forward", inside=inside)])
    assert trace.events[1].name == "unet.mid_block.norm.forward"
    assert trace.events[1].signature.module == "mid_block.norm"


def test_bits_come_back(tmp_path: Path) -> None:
    trace = make_trace(tmp_path / "a.safetensors", calls())
    for place, value in ((1, np.array(981)), (4, np.array(961))):
        event = trace.events[place]
        bits = trace.bits(event.inputs[1], event.signature.inputs[1])
        assert bits is not None
        np.testing.assert_array_equal(bits, value)
    output = trace.events[5]
    bits = trace.bits(output.inputs[0], output.signature.inputs[0])
    assert bits is not None
    assert (bits.dtype, bits.shape) == (ml_dtypes.bfloat16, (2, 3))
    assert bits.astype(float).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert trace.raw(output.inputs[0], output.signature.inputs[0]) == bits.tobytes()


def test_bits_of_a_replaced_file(tmp_path: Path) -> None:
    path = write_trace(tmp_path / "a.safetensors", calls())
    trace = open_trace(path)
    other = write_trace(tmp_path / "b.safetensors", [Call("vae.decode", {"z": np.ones(9)})])
    other.replace(path)
    event = trace.events[1]
    bits = trace.bits(event.inputs[0], event.signature.inputs[0])
    assert bits is not None
    assert bits.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_bits_not_kept(tmp_path: Path) -> None:
    trace = make_trace(tmp_path / "a.safetensors", calls(), keep=False)
    event = trace.events[1]
    assert trace.bits(event.inputs[0], event.signature.inputs[0]) is None
    assert trace.raw(event.inputs[0], event.signature.inputs[0]) is None


def test_no_trace(tmp_path: Path) -> None:
    with TensorFile(write_capture(tmp_path / "a.safetensors", {"images": np.ones(3)})) as file:
        assert read_trace(file) is None


def test_empty_trace(tmp_path: Path) -> None:
    trace = make_trace(tmp_path / "a.safetensors", [])
    assert trace.events == ()
    assert trace.digests.shape == (0, 16)


def test_same_bits(tmp_path: Path) -> None:
    golden, now = pair(tmp_path, np.array([0.0, 1.0]), np.array([-0.0, 1.0]))
    assert golden.same(0, golden, 0)
    assert not golden.same(0, now, 0)
    assert golden.equal([0, 0], golden, [0, 0]).tolist() == [True, True]
    # equal by value, not bit for bit
    assert golden.distance(0, now, 0) == 0.0


@pytest.mark.parametrize("size", [1e-6, 1e-3, 0.5])
def test_distance_estimates_rel_l2(size: float, tmp_path: Path) -> None:
    change = RANDOM.standard_normal(5000)
    change *= size * np.linalg.norm(LONG) / np.linalg.norm(change)
    now = (LONG.astype(np.float64) + change).astype(np.float32)
    golden, other = pair(tmp_path, LONG, now)
    exact = np.linalg.norm(now.astype(float) - LONG) / np.linalg.norm(LONG.astype(float))
    # three standard errors of 1 / sqrt(2 * 32) each
    assert golden.distance(0, other, 0) == pytest.approx(exact, rel=0.4)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_distance_to_what_is_not_finite(value: float, tmp_path: Path) -> None:
    now = LONG.copy()
    now[7] = value
    golden, other = pair(tmp_path, LONG, now)
    assert golden.distance(0, other, 0) == np.inf
    assert other.distance(0, golden, 0) == np.inf


def test_distance_to_a_golden_of_zeros(tmp_path: Path) -> None:
    golden, now = pair(tmp_path, np.zeros(3), np.ones(3))
    assert golden.distance(0, now, 0) == np.inf
    assert golden.distances([0, 0], golden, [0, 0]).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("tensor", ["trace/events", "trace/digests", "trace/rows", "trace/structure"])
def test_flipped_bit(tensor: str, tmp_path: Path) -> None:
    path = write_trace(tmp_path / "a.safetensors", calls())
    flip_bit(path, tensor)
    with pytest.raises(UnreadableGolden, match=rf"^{path}: tensor {tensor} is damaged"):
        open_trace(path)


def set_at(place: tuple[int, ...] | int, value: int) -> Callable[[np.ndarray], np.ndarray]:
    def change(array: np.ndarray) -> np.ndarray:
        array[place] = value
        return array

    return change


DAMAGES = {
    "a signature that does not exist": ("trace/order", set_at((1, 0), 9), "event 1 refers"),
    "a parent behind it": ("trace/order", set_at((2, 2), 2), "event 2 refers"),
    "values that are not there": ("trace/order", set_at((0, 3), 99), "event 0 refers"),
    "another width": ("trace/order", lambda array: array[:, :3], r"int32 \[6, 3\]"),
    "a negative row": ("trace/rows", set_at(0, -1), "outside of the"),
    "a row too large": ("trace/rows", set_at(3, 77), "outside of the"),
    "the row behind the last": (
        "trace/rows",
        lambda array: set_at(3, array.max() + 1)(array),
        "outside of the",
    ),
    "a slot too few": ("trace/rows", lambda array: array[1:], "not as many"),
    "norms too few": ("trace/norms", lambda array: array[1:], r"float64 \["),
    "another dtype": ("trace/sketches", lambda array: array.astype(np.float64), r"expected float32"),
    "no JSON": ("trace/events", lambda array: array[:-1], "as a whole"),
    "another structure": ("trace/structure", lambda array: np.frombuffer(b"[1]", np.uint8), "as a whole"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_contradictions(damage: tuple, tmp_path: Path) -> None:
    tensor, change, says = damage
    path = write_trace(tmp_path / "a.safetensors", calls())
    edit(path, tensor, change)
    with pytest.raises(UnreadableGolden, match=rf"^{path}: has a damaged trace \({tensor}: .*{says}"):
        open_trace(path)


def test_bits_that_end_early(tmp_path: Path) -> None:
    path = write_trace(tmp_path / "a.safetensors", calls())
    edit(path, "trace/bits", lambda array: array[:-1])
    trace = open_trace(path)
    last = trace.events[5]
    with pytest.raises(UnreadableGolden, match="after the last byte"):
        trace.raw(last.inputs[0], last.signature.inputs[0])
    assert trace.raw(0, Slot("sample", "float32", (2, 3))) is not None
