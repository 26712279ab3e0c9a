"""The text of a first config: what the class takes, as little of it as makes sense."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.errors import UsageError
from harness.onboarding.first_config import config_text
from harness.onboarding.model import Model


def written(pipeline: str, **told: Any) -> dict[str, Any]:
    """The content of the config for a model of the hub."""
    return yaml.safe_load(config_text(Model("org/model", pipeline, **told), Path("/project/configs")))


def test_it_says_what_to_change() -> None:
    text = config_text(Model("org/model", "DDIMPipeline"), Path("/project/configs"))
    assert text.startswith("# Written by `harness init`: few steps and a small size")
    assert yaml.safe_load(text) == {
        "pipeline": "DDIMPipeline",
        "model": {"id": "org/model"},
        "steps": 4,
        "seed": 0,
        "generator": "cpu",
        "call": {"output_type": "np"},
    }


def test_where_the_model_is() -> None:
    assert written("DDIMPipeline", revision="abc")["model"] == {"id": "org/model", "revision": "abc"}
    assert written("DDIMPipeline", path=Path("/project/models/a"))["model"] == {"id": "../models/a"}


def test_latents_and_pictures_are_two_cases() -> None:
    found = written("StableDiffusionPipeline")
    assert found["matrix"] == {"call.output_type": ["latent", "np"]}
    assert "output_type" not in found["call"]
    assert found["call"]["prompt"] == "a red bicycle in front of a white wall"


@pytest.mark.parametrize(("size", "stated"), [(None, 256), (512, 256), (257, 256), (256, None), (32, None)])
def test_a_model_made_for_more_computes_a_small_picture(size: int | None, stated: int | None) -> None:
    call = written("StableDiffusionPipeline", size=size)["call"]
    assert (call.get("height"), call.get("width")) == (stated, stated)


@pytest.mark.parametrize(("size", "edge"), [(None, 256), (512, 256), (64, 64)])
def test_inputs_have_the_size_of_the_output(size: int | None, edge: int) -> None:
    call = written("StableDiffusionInpaintPipeline", size=size)["call"]
    assert call["image"] == {"$gradient": {"shape": [edge, edge, 3]}}
    assert call["mask_image"] == {"$gradient": {"shape": [edge, edge]}}
    assert "video" not in call
    assert written("LucyEditPipeline", size=size)["call"]["video"] == {
        "$gradient": {"shape": [9, edge, edge, 3]}
    }


def test_a_picture_that_is_only_possible_is_not_given() -> None:
    # It takes one as a prompt if one likes, and works from text alone.
    assert "image" not in written("WanPipeline")["call"]
    assert "mask_image" not in written("StableDiffusionImg2ImgPipeline")["call"]


def test_an_unknown_class_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^StableDifusionPipeline: .*StableDiffusionPipeline"):
        written("StableDifusionPipeline")
