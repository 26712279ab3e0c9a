from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from harness.core.measured.calibration import Effect
from harness.golden.tensors import TensorFile
from harness.measure.noise import Incomparable
from harness.measure.varied_runs import argument_shapes, moved_by, replay_noise, same_outputs
from tests.golden.builders import a_case, write_capture
from tests.support.traces import Call, open_trace, write_trace

IMAGE = np.linspace(1, 2, 100, dtype=np.float32)


def capture(path: Path, image: np.ndarray = IMAGE, step: np.ndarray = IMAGE) -> Path:
    calls = [
        Call("pipeline.__call__", {"image": np.zeros((8, 6, 3), np.float32)}, {}),
        Call("scheduler.step", {"sample": IMAGE}, {"prev_sample": step}),
    ]
    return write_capture(path, {**load_file(write_trace(path, calls)), "output/images": image})


def test_the_shapes_of_the_pipelines_own_arguments(tmp_path: Path) -> None:
    assert argument_shapes(open_trace(capture(tmp_path / "a"))) == {"image": (8, 6, 3)}
    assert argument_shapes(None) == {}


def test_how_far_a_run_lies_from_another(tmp_path: Path) -> None:
    paths = capture(tmp_path / "a"), capture(tmp_path / "b", IMAGE * np.float32(1.5)), tmp_path / "c"
    write_capture(paths[2], {"images": IMAGE[:50]})
    base, varied, other = map(TensorFile, paths)
    found = moved_by(base, varied, "ulp", "ulp 1")
    assert (found.family, found.name, found.effect) == ("ulp", "ulp 1", Effect.COUNTED)
    assert found.outputs[0].metrics["rel_l2"] == pytest.approx(0.5)
    assert moved_by(base, base, "ulp", "ulp 1").effect is Effect.NONE
    with pytest.raises(Incomparable):
        moved_by(base, other, "ulp", "ulp 1")


def test_outputs_alone_decide_whether_outputs_are_the_same(tmp_path: Path) -> None:
    base = capture(tmp_path / "a")
    assert same_outputs(base, capture(tmp_path / "b", step=IMAGE * 2))
    assert not same_outputs(base, capture(tmp_path / "c", IMAGE * 2))


def test_the_worst_call_of_a_replay(tmp_path: Path) -> None:
    base = capture(tmp_path / "a")
    found = replay_noise(a_case(), base, capture(tmp_path / "b", step=IMAGE * np.float32(1.25)))
    assert found["scheduler.step"] == pytest.approx(0.25)
    without = write_capture(tmp_path / "c", {"images": IMAGE})
    assert replay_noise(a_case(), base, without) == {}
