"""Modular pipelines: loaded from an ordinary model folder, called by the inputs of their blocks."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from harness.core.case import ModelSpec
from harness.worker.inputs import arguments
from harness.worker.loading.load import PipelineCache
from harness.worker.rejection import Rejection
from tests.core.samples import case
from tests.support.tiny.registry import build_folder, tiny_named

NAME = "StableDiffusionXLModularPipeline"
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Stable Diffusion XL as `save_pretrained` writes it."""
    folder = tmp_path_factory.mktemp("models") / "xl"
    build_folder(tiny_named("StableDiffusionXLPipeline"), folder)
    return folder


@pytest.mark.filterwarnings("ignore")
def test_it_runs_twice_alike_on_one_object(folder: Path) -> None:
    cache, images = PipelineCache(), []
    call = {"prompt": "a seven", "height": 32, "width": 32}
    for _ in range(2):
        one = case(pipeline=NAME, model=ModelSpec(str(folder)), call=call)
        loaded, _ = cache.take(one, CPU)
        keywords, filled_in = arguments.assemble(loaded.pipeline, one, torch.Generator().manual_seed(0))
        assert filled_in == {"output_type": "np", "output": "images"}
        images.append(loaded.pipeline(**keywords))
    assert images[0].shape == (1, 32, 32, 3)
    assert images[0].std() > 0
    assert images[0].tobytes() == images[1].tobytes()
    assert loaded.weights.keys() >= {"unet", "vae", "text_encoder", "text_encoder_2"}


def test_an_input_that_its_blocks_do_not_take_is_rejected(folder: Path) -> None:
    one = case(pipeline=NAME, model=ModelSpec(str(folder)), call={"guidance_scale": 5.0})
    loaded, _ = PipelineCache().take(one, CPU)
    with pytest.raises(Rejection, match=r"takes no `guidance_scale`.*It takes: prompt, "):
        arguments.assemble(loaded.pipeline, one, torch.Generator())
