"""`unclip-digits` draws pictures that depend on the prompt, through each of its networks."""

import importlib
import json
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
import transformers

from harness import zoo
from harness.zoo import digit_classifier

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
UNCLIP = diffusers.UnCLIPPipeline.__module__.rpartition(".")[0]
LIBRARIES = {
    "diffusers": diffusers,
    "transformers": transformers,
    "unclip": importlib.import_module(f"{UNCLIP}.text_proj"),
}


@pytest.fixture(scope="module")
def pipeline() -> diffusers.UnCLIPPipeline:
    """Load each component by itself: diffusers since 0.38 cannot look up its own module `unclip`."""
    folder = zoo.model_dir("unclip-digits")
    index = json.loads((folder / "model_index.json").read_text())
    parts: dict[str, Any] = {}
    for name, (library, class_name) in ((k, v) for k, v in index.items() if not k.startswith("_")):
        parts[name] = getattr(LIBRARIES[library], class_name).from_pretrained(folder / name)
    loaded = diffusers.UnCLIPPipeline(**parts)
    loaded.set_progress_bar_config(disable=True)
    return loaded


def drawn(pipeline: diffusers.UnCLIPPipeline, prompts: list[str], seeds: list[int]) -> np.ndarray:
    """Draw each prompt with its seed; float32 (len(prompts), 32, 32, 3) in [0, 1]."""
    return pipeline(
        prompts,
        prior_num_inference_steps=10,
        decoder_num_inference_steps=10,
        super_res_num_inference_steps=5,
        generator=[torch.Generator().manual_seed(seed) for seed in seeds],
        output_type="np",
    ).images


def test_index_names_the_module_as_the_published_checkpoint_does() -> None:
    index = json.loads((zoo.model_dir("unclip-digits") / "model_index.json").read_text())
    assert index["text_proj"] == ["unclip", "UnCLIPTextProjModel"]


def test_pictures_are_neither_constant_nor_saturated(pipeline: diffusers.UnCLIPPipeline) -> None:
    images = drawn(pipeline, ["a handwritten seven", "the digit 3", "zero", ""], [0, 1, 2, 3])
    assert images.shape == (4, 32, 32, 3)
    assert np.isfinite(images).all()
    assert (images.std(axis=(1, 2, 3)) > 0.15).all()
    assert ((images < 0.002) | (images > 0.998)).mean() < 0.5


def test_50_pictures_show_the_asked_digit(pipeline: diffusers.UnCLIPPipeline) -> None:
    asked = [digit for digit in range(10) for _ in range(5)]
    images = drawn(pipeline, [f"a handwritten {WORDS[digit]}" for digit in asked], list(range(50)))
    assert digit_classifier.read_digits(images).tolist() == asked


def test_pictures_depend_on_the_prompt(pipeline: diffusers.UnCLIPPipeline) -> None:
    """Both start from the same noise, so that only the prompt can tell them apart."""
    seven, three = drawn(pipeline, ["a handwritten seven", "a handwritten three"], [0, 0])
    assert np.abs(seven - three).mean() > 0.05


def test_image_embeddings_survive_their_normalisation(pipeline: diffusers.UnCLIPPipeline) -> None:
    """A new PriorTransformer has a `clip_std` of 0, which wipes out every embedding."""
    assert (pipeline.prior.clip_std > 0).all()
