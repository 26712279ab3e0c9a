from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.explain.differences import Sides
from harness.explain.timeline import Timeline, timeline
from harness.judge.traces.stages import Role
from tests.support.traces import CLASSES, Call, make_trace

ONES = np.ones(3)


def line(folder: Path, golden: list[Call], now: list[Call] | None = None) -> Timeline:
    classes = CLASSES | {"feature_extractor": "transformers.CLIPImageProcessor"}
    both = [golden, golden if now is None else now]
    traces = [make_trace(folder / str(i), one, classes=classes) for i, one in enumerate(both)]
    return timeline(Sides(traces[0], traces[1]))


def draw(value: float = 1.0) -> Call:
    return Call("noise.randn_tensor", {}, {"noise": ONES * value})


def test_what_is_inside_comes_before_the_end(tmp_path: Path) -> None:
    found = line(tmp_path, [Call("scheduler.step", inside=[draw(), draw()]), Call("unet.forward")])
    assert found.checks == (
        *((0, "in"), (1, "in"), (1, "out"), (2, "in"), (2, "out"), (0, "out")),
        *((3, "in"), (3, "out")),
    )
    assert [step.item.parent for step in found.inside(0)] == [0, 0]


def test_begun(tmp_path: Path) -> None:
    step = Call("scheduler.step", inside=[draw()])
    found = line(
        tmp_path, [draw(), Call("unet.forward"), step, Call("unet.forward"), draw(), Call("unet.forward")]
    )
    unets = [one.begun for one in found.steps if one.role is Role.DENOISER]
    # a draw inside a step does not start a new picture
    assert unets == [False, True, False]


def test_equal_and_changed(tmp_path: Path) -> None:
    golden = [Call("unet.forward", {"x": ONES}), Call("vae.decode", {}, {"0": ONES}), Call("vae.decode")]
    now = [Call("unet.forward", {"x": ONES}), Call("vae.decode", {}, {"0": ONES * 2})]
    found = line(tmp_path, golden, now)
    assert [step.is_equal for step in found.steps] == [True, False, False]
    assert [step.is_changed for step in found.steps] == [False, False, True]


def test_only_failing_mismatches(tmp_path: Path) -> None:
    golden = [Call("scheduler.step", values={"eta": 0.0, "old": 1})]
    found = line(tmp_path, golden, [Call("scheduler.step", values={"eta": 1.0})])
    assert [one.what for one in found.steps[0].mismatches] == ["eta"]
    assert not found.steps[0].is_equal


def test_what_looks_at_the_finished_picture(tmp_path: Path) -> None:
    extract = Call("feature_extractor.__call__")
    found = line(tmp_path, [extract, Call("vae.decode"), extract, Call("vae.encode")])
    assert [step.role for step in found.steps] == [Role.IMAGE, Role.DECODER, Role.FINISH, Role.IMAGE]
