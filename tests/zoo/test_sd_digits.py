"""`sd-digits` draws the digit that the prompt names."""

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline

from harness import zoo
from harness.zoo import digit_classifier
from harness.zoo.train import data

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SEEDS = 10
STEPS = 20


@pytest.fixture(scope="module")
def pipeline() -> StableDiffusionPipeline:
    loaded = StableDiffusionPipeline.from_pretrained(zoo.model_dir("sd-digits"))
    loaded.set_progress_bar_config(disable=True)
    return loaded


def drawn(pipeline: StableDiffusionPipeline, prompts: list[str]) -> np.ndarray:
    """Draw the prompts with seeds 0, 1, ..., one each; float32 (len(prompts), 32, 32, 3) in [0, 1]."""
    return pipeline(
        prompts,
        num_inference_steps=STEPS,
        guidance_scale=7.5,
        generator=[torch.Generator().manual_seed(seed) for seed in range(len(prompts))],
        output_type="np",
    ).images


@pytest.mark.parametrize("phrase", ["a handwritten {word}", "the digit {digit}"])
def test_100_seeds_show_the_asked_digit(pipeline: StableDiffusionPipeline, phrase: str) -> None:
    asked = [digit for digit in range(10) for _ in range(SEEDS)]
    prompts = [phrase.format(word=WORDS[digit], digit=digit) for digit in asked]
    assert digit_classifier.read_digits(drawn(pipeline, prompts)).tolist() == asked


def test_unknown_words_do_not_hide_the_digit(pipeline: StableDiffusionPipeline) -> None:
    prompts = [f"a zorgy {word} wug" for word in WORDS]
    assert digit_classifier.read_digits(drawn(pipeline, prompts)).tolist() == list(range(10))


def test_pictures_are_neither_constant_nor_saturated(pipeline: StableDiffusionPipeline) -> None:
    images = drawn(pipeline, ["a handwritten seven", "a digit", "", "three"])
    assert images.shape == (4, 32, 32, 3)
    assert np.isfinite(images).all()
    assert (images.std(axis=(1, 2, 3)) > 0.15).all()
    assert ((images < 0.002) | (images > 0.998)).mean() < 0.5


@torch.no_grad()
def test_scaled_latents_have_unit_size(pipeline: StableDiffusionPipeline) -> None:
    """The denoiser assumes it; `scaling_factor` belongs to this VAE alone."""
    means = pipeline.vae.encode(data.digit_images(32, channels=3)[:200]).latent_dist.mean
    assert (means * pipeline.vae.config.scaling_factor).std().item() == pytest.approx(1, abs=0.05)
