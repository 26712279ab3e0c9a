from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.explain.differences import Difference, Sides, differences, noise_floor
from tests.support.traces import Call, make_trace

VALUES = np.arange(1, 1001, dtype=np.float32)


def compared(folder: Path, golden: list[Call], now: list[Call]) -> tuple[Sides, list[Difference]]:
    traces = [make_trace(folder / name, one) for name, one in (("golden", golden), ("now", now))]
    sides = Sides(traces[0], traces[1])
    return sides, differences(sides, [(i, i) for i in range(len(golden))])


def test_only_what_differs(tmp_path: Path) -> None:
    golden = [Call("unet.forward", {"a": VALUES, "b": VALUES}, {"0": VALUES})]
    now = [Call("unet.forward", {"b": VALUES, "a": VALUES}, {"0": VALUES * np.float32(1.01)})]
    sides, (found,) = compared(tmp_path, golden, now)
    assert found.inputs == ()
    assert [one.slot.name for one in found.outputs] == ["0"]
    assert found.error_in == 0.0
    assert found.error_out == pytest.approx(0.01, rel=0.5)  # an estimate
    assert sides.precise(found.outputs[0]) == pytest.approx(0.01, rel=1e-5)
    assert sides.event(found).name == "unet.forward"


def test_worst_of_several(tmp_path: Path) -> None:
    golden = [Call("unet.forward", {"a": VALUES, "b": VALUES})]
    now = [Call("unet.forward", {"a": VALUES * np.float32(1.5), "b": VALUES * np.float32(1.25)})]
    _, (found,) = compared(tmp_path, golden, now)
    assert found.error_in == found.inputs[0].rel_l2 == pytest.approx(0.5, rel=0.5)
    assert found.inputs[1].rel_l2 == pytest.approx(found.error_in / 2)


def test_not_comparable(tmp_path: Path) -> None:
    golden = [Call("unet.forward", {"a": VALUES, "b": VALUES, "c": VALUES})]
    now = [Call("unet.forward", {"a": VALUES[:3], "b": VALUES.astype(np.float64)})]
    sides, (found,) = compared(tmp_path, golden, now)
    assert [(one.slot.name, one.comparable, one.rel_l2) for one in found.inputs] == [
        ("a", False, np.inf),
        ("b", False, np.inf),
    ]
    assert sides.precise(found.inputs[0]) == np.inf


def test_exact_slots(tmp_path: Path) -> None:
    golden, now = ([Call("unet.forward", {"timestep": np.array(t), "x": np.array(t)})] for t in (5, 6))
    _, (found,) = compared(tmp_path, golden, now)
    assert [one.exact for one in found.inputs] == [True, False]


def test_many_pairs_keep_their_own(tmp_path: Path) -> None:
    golden = [Call("unet.forward", {"x": VALUES + i}, {"0": VALUES + i}) for i in range(50)]
    now = [Call("unet.forward", {"x": VALUES + i}, {"0": VALUES + i + (i == 7)}) for i in range(50)]
    _, found = compared(tmp_path, golden, now)
    assert [i for i, one in enumerate(found) if one.outputs] == [7]
    assert all(not one.inputs for one in found)


def test_nothing_to_compare(tmp_path: Path) -> None:
    _, found = compared(tmp_path, [Call("unet.forward")], [Call("unet.forward", {"x": VALUES})])
    assert found == [Difference(0, 0, (), ())]


def test_noise_floor(tmp_path: Path) -> None:
    half = VALUES.astype(np.float16)
    trace = make_trace(
        tmp_path / "a", [Call("unet.forward", {}, {"0": VALUES}), Call("unet.forward", {}, {"0": half})]
    )
    assert noise_floor(trace, trace.events[0], "out") == 50 * 2**-23
    assert noise_floor(trace, trace.events[1], "out") == 2**-10
