from __future__ import annotations

from pathlib import Path

import pytest

from harness.core.results.verdict import ExactFinding
from harness.explain.findings import failing_places
from tests.explain.simulated import structure
from tests.support.traces import CLASSES, Call, make_trace, structure_of


def finding(what: str, fails: bool = True) -> ExactFinding:
    return ExactFinding(what, "1", "2", fails)


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("unet.mid_block.norm.eps", ("unet", "mid_block.norm")),
        ("unet.mid_block.norm.eps and 60 more", ("unet", "mid_block.norm")),
        ("unet.mid_block.norm.rope.theta", ("unet", "mid_block.norm")),
        ("unet.conv_in.training", ("unet", "conv_in")),
        ("unet.config.act_fn", ("unet", None)),
        ("unet.sample_size", ("unet", None)),
        ("scheduler.config.steps_offset", ("scheduler", None)),
    ],
)
def test_place(what: str, expected: tuple[str, str | None], tmp_path: Path) -> None:
    trace = make_trace(tmp_path / "a", [Call("unet.forward")], structure=structure())
    (place,) = failing_places(trace, [finding(what)])
    assert (place.component, place.module) == expected
    assert place.finding.what == what


@pytest.mark.parametrize(
    "what", ["unet.forward.timestep at call 3", "unet.forward.calls", "expect images.mean"]
)
def test_no_place(what: str, tmp_path: Path) -> None:
    trace = make_trace(tmp_path / "a", [Call("unet.forward")], structure=structure())
    assert failing_places(trace, [finding(what)]) == ()


def test_only_failing_ones_and_modules_first(tmp_path: Path) -> None:
    trace = make_trace(tmp_path / "a", [], structure=structure())
    told = [finding("vae.class", False), finding("unet.config.eps"), finding("unet.mid_block.norm.eps")]
    assert [place.module for place in failing_places(trace, told)] == ["mid_block.norm", None]


def test_the_longest_component(tmp_path: Path) -> None:
    classes = CLASSES | {"prior": "a.B", "prior.unet": "a.C"}
    trace = make_trace(tmp_path / "a", [], structure=structure_of(classes=classes))
    (place,) = failing_places(trace, [finding("prior.unet.config.x")])
    assert place.component == "prior.unet"
