from __future__ import annotations

from typing import Any

import pytest

from harness.judge.traces.structure import Mismatch, differs, shown, structure_mismatches, value_mismatches
from tests.support.traces import CLASSES, structure_of


def found(golden: dict[str, Any], now: dict[str, Any]) -> list[tuple[str, str | None, str | None, bool]]:
    mismatches = structure_mismatches(structure_of(**golden), structure_of(**now))
    return [(one.name, one.golden, one.now, one.fails) for one in mismatches]


def unet(**modules: dict[str, object]) -> dict[str, Any]:
    return {"modules": {"unet": {path.replace("__", "."): held for path, held in modules.items()}}}


def kinds(**modules: dict[str, str]) -> dict[str, Any]:
    return unet(**{path: {} for path in modules}) | {"kinds": {"unet": modules}}


def test_equal() -> None:
    both = unet(norm={"eps": 1e-5, "affine": True}) | {
        "config": {"unet": {"act_fn": "silu", "sizes": [1, 2]}}
    }
    assert found(both, both) == []


def test_config() -> None:
    golden = {"config": {"scheduler": {"steps_offset": 1, "spacing": "leading", "old": 3}}}
    now = {"config": {"scheduler": {"steps_offset": 0, "spacing": "leading", "new": None}}}
    assert found(golden, now) == [
        ("scheduler.config.steps_offset", "1", "0", True),
        ("scheduler.config.old", "3", None, False),
        ("scheduler.config.new", None, "null", False),
    ]


def test_nested_config() -> None:
    golden = {"config": {"unet": {"rope": {"theta": 1, "kind": "a"}}}}
    now = {"config": {"unet": {"rope": {"theta": 2, "kind": "a"}}}}
    assert found(golden, now) == [("unet.config.rope.theta", "1", "2", True)]


def test_module_attributes() -> None:
    golden, now = unet(a__norm={"eps": 1e-5}, b={"heads": 2}), unet(a__norm={"eps": 1e-6}, b={"heads": 2})
    assert found(golden, now) == [("unet.a.norm.eps", "1e-05", "1e-06", True)]


def test_train_mode() -> None:
    training = {"training": {"unet": ("drop",)}}
    assert found(unet(drop={}), unet(drop={}) | training) == [("unet.drop.training", "eval", "train", True)]


def test_names_of_code_fail_nothing() -> None:
    golden, now = kinds(attn={"processor": "AttnProcessor"}), kinds(attn={"processor": "AttnProcessor2_0"})
    assert found(golden, now) == [("unet.attn.processor", "AttnProcessor", "AttnProcessor2_0", False)]
    assert found(kinds(one={"class": "Linear"}), kinds(one={"class": "LoRALinear"}))[0][-1] is False
    other = CLASSES | {"unet": "diffusers.models.Other"}
    name, *_, fails = found({}, {"classes": other})[0]
    assert (name, fails) == ("unet.class", False)


@pytest.mark.parametrize(
    ("golden", "now", "fails"),
    [
        ("SiLU", "ReLU", True),
        ("SiLU", "SiLUActivation", False),
        ("QuickGELUActivation", "GELUActivation", True),
        ("PytorchGELUTanh", "GELUTanh", False),
        ("Swish", "SiLU", False),
    ],
)
def test_activation_classes(golden: str, now: str, fails: bool) -> None:
    assert found(kinds(act={"class": golden}), kinds(act={"class": now}))[0][-1] is fails


def test_functions() -> None:
    moved = unet(act={"f": "torch.nn.functional.silu"}), unet(act={"f": "other.place.silu"})
    other = unet(act={"f": "torch.nn.functional.silu"}), unet(act={"f": "torch.nn.functional.relu"})
    assert [one[-1] for one in found(*moved)] == [False]
    assert [one[-1] for one in found(*other)] == [True]


def test_modules_of_one_side() -> None:
    assert found(unet(a={}, b={}, c={}), unet(a={}, d={})) == [("unet.modules", "b and 1 more", "d", False)]
    assert found(unet(a={}), unet(a={}, d={})) == [("unet.modules", None, "d", False)]


def test_component_of_one_side() -> None:
    fewer = {name: kind for name, kind in CLASSES.items() if name != "vae"}
    assert found({}, {"classes": fewer}) == [("vae", CLASSES["vae"], None, False)]


@pytest.mark.parametrize(
    ("golden", "now", "expected"),
    [
        (1, 1.0, False),
        (0.18215, 0.18215 * (1 + 1e-12), False),
        (0.18215, 0.18215 * (1 + 1e-8), True),
        (10**17, 10**17 + 1, True),
        (float("nan"), float("nan"), False),
        ([1, [2.0]], (1, [2.0 + 1e-15]), False),
        ([1, 2], [1, 2, 3], True),
        ("a", "b", True),
        (None, 0, True),
        (True, False, True),
    ],
)
def test_differs(golden: object, now: object, expected: bool) -> None:
    assert differs(golden, now) is expected


def test_value_mismatches() -> None:
    (one,) = value_mismatches("scheduler.step", "scheduler.step", {"eta": 0.0, "a": 1}, {"eta": 0.5, "a": 1})
    assert one == Mismatch("scheduler.step.eta", "scheduler.step", "eta", "0.0", "0.5", fails=True)


def test_shown() -> None:
    assert shown("leading") == "leading"
    assert shown([1, None]) == "[1, null]"
    assert shown("x" * 100) == "x" * 79 + "…"
