"""Checkpoints that lack weights, or have too many, are told or refused by component and key."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import ModelMixin
from safetensors.torch import load_file, save_file

from harness import zoo
from harness.core.case import ModelSpec
from harness.worker.loading.load import Loaded, PipelineCache
from harness.worker.rejection import Rejection
from tests.core.samples import case

CPU = torch.device("cpu")
UNET = "unet/diffusion_pytorch_model.safetensors"
TEXT = "text_encoder/model.safetensors"
Weights = dict[str, torch.Tensor]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the built-in text-to-image model."""
    return Path(shutil.copytree(zoo.model_dir("sd-digits"), tmp_path / "sd"))


def edit(path: Path, change: Callable[[Weights], Any]) -> str:
    """Change the weights in a file; returns the name that comes first."""
    weights = load_file(path)
    first = min(weights)
    change(weights)
    save_file(weights, path, metadata={"format": "pt"})
    return first


def load(folder: Path, **components: Any) -> Loaded:
    model = ModelSpec(str(folder), components=components)
    return PipelineCache().take(case(pipeline="StableDiffusionPipeline", model=model), CPU)[0]


def told(folder: Path, **components: Any) -> list[str]:
    return [warning for warning in load(folder, **components).warnings if "checkpoint" in warning]


def test_a_complete_checkpoint_says_nothing(folder: Path) -> None:
    own = vars(ModelMixin)["from_pretrained"]
    assert told(folder) == []
    assert vars(ModelMixin)["from_pretrained"] is own


def test_weights_of_a_text_encoder_that_are_missing_are_told(folder: Path) -> None:
    gone = edit(folder / TEXT, lambda weights: weights.pop(min(weights)))
    (sentence,) = told(folder)
    assert sentence.startswith("text_encoder: 1 weight missing in its checkpoint (")
    assert sentence.endswith("), newly initialised; other versions may draw other values")
    # transformers 5 leaves out the outermost name.
    assert gone.removeprefix("text_model.") in sentence


def test_what_is_newly_initialised_is_the_same_in_every_load(folder: Path) -> None:
    edit(folder / TEXT, lambda weights: weights.pop(min(weights)))
    torch.manual_seed(1)
    first = load(folder).weights
    torch.manual_seed(2)
    assert load(folder).weights == first


def test_weights_that_nothing_uses_are_told(folder: Path) -> None:
    edit(folder / UNET, lambda weights: weights.update({f"extra.{n}": torch.zeros(1) for n in range(6)}))
    assert told(folder) == [
        "unet: 6 weights of its checkpoint not used (extra.0, extra.1, extra.2, extra.3 and 2 more)"
    ]


def test_a_model_that_stays_without_data_is_refused(folder: Path) -> None:
    gone = edit(folder / UNET, lambda weights: weights.pop(min(weights)))
    with pytest.raises(Rejection) as refused:
        load(folder, low_cpu_mem_usage=True)
    assert str(refused.value) == (
        f"model.id = {str(folder)!r}: unet has 1 weight missing in its checkpoint ({gone}); "
        "use a complete checkpoint of UNet2DConditionModel"
    )


def test_weights_that_diffusers_initialises_itself_are_told(folder: Path) -> None:
    gone = edit(folder / UNET, lambda weights: weights.pop(min(weights)))
    (sentence,) = told(folder, low_cpu_mem_usage=False)
    assert sentence.startswith(f"unet: 1 weight missing in its checkpoint ({gone}), newly initialised")
