"""`ddpm-digits` draws something that a comparison can tell from noise and from nothing."""

import numpy as np
import pytest
import torch
from diffusers import DDIMPipeline, DDPMPipeline

from harness import zoo
from harness.zoo import digit_classifier


def drawn(pipeline_class: type[DDIMPipeline] | type[DDPMPipeline], steps: int) -> np.ndarray:
    pipeline = pipeline_class.from_pretrained(zoo.model_dir("ddpm-digits"))
    pipeline.set_progress_bar_config(disable=True)
    generator = torch.Generator().manual_seed(0)
    return pipeline(batch_size=32, num_inference_steps=steps, generator=generator, output_type="np").images


@pytest.mark.parametrize(("pipeline_class", "steps"), [(DDIMPipeline, 10), (DDPMPipeline, 50)])
def test_pictures_are_neither_constant_nor_saturated(pipeline_class: type, steps: int) -> None:
    images = drawn(pipeline_class, steps)
    assert images.shape == (32, 16, 16, 1)
    assert np.isfinite(images).all()
    assert (images.std(axis=(1, 2, 3)) > 0.15).all()
    assert ((images < 0.002) | (images > 0.998)).mean() < 0.1


def test_pictures_are_strokes_not_noise() -> None:
    """Neighbours correlate by 0.87 in the enlarged training pictures, and by nothing in noise."""
    images = drawn(DDIMPipeline, 10)[..., 0]
    left, right = images[:, :, :-1].ravel(), images[:, :, 1:].ravel()
    assert np.corrcoef(left, right)[0, 1] > 0.75


def test_pictures_show_many_digits() -> None:
    assert len(set(digit_classifier.read_digits(drawn(DDIMPipeline, 10)))) >= 8


def test_one_ulp_of_noise_stays_small() -> None:
    """A chaotic model would turn rounding into a drift, and no tolerance could tell the two apart."""
    pipeline = DDIMPipeline.from_pretrained(zoo.model_dir("ddpm-digits"))
    noise = torch.randn((4, 1, 16, 16), generator=torch.Generator().manual_seed(0))
    nudged = torch.nextafter(noise, torch.full_like(noise, 9.0))
    first, second = (denoised(pipeline, start) for start in (noise, nudged))
    difference = torch.linalg.vector_norm(first - second) / torch.linalg.vector_norm(first)
    assert 0 < difference < 1e-5


@torch.no_grad()
def denoised(pipeline: DDIMPipeline, sample: torch.Tensor) -> torch.Tensor:
    pipeline.scheduler.set_timesteps(50)
    for timestep in pipeline.scheduler.timesteps:
        noise = pipeline.unet(sample, timestep).sample
        sample = pipeline.scheduler.step(noise, timestep, sample).prev_sample
    return sample
