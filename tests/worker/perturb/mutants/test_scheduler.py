from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler

from harness.worker.perturb.site import NotApplicable
from tests.worker.perturb.planting import ddim, planted, stable_diffusion
from tests.worker.trace.runs import seeded, unclip

MODEL_OUTPUT = torch.linspace(-1, 1, 256).reshape(1, 1, 16, 16)
SAMPLE = torch.linspace(2, -2, 256).reshape(1, 1, 16, 16)


def stepped(scheduler: Any, steps: int = 2, **arguments: Any) -> torch.Tensor:
    """What the first step gives."""
    scheduler.set_timesteps(steps)
    first = scheduler.timesteps[0]
    return scheduler.step(MODEL_OUTPUT, first, SAMPLE, **arguments).prev_sample


def otherwise(**options: Any) -> Any:
    """The DDIM's scheduler with other options from the beginning."""
    return DDIMScheduler.from_config(ddim().scheduler.config, **options)


@pytest.mark.parametrize(
    ("name", "steps", "timesteps"),
    [
        ("timesteps_off_by_one", 2, [499, 0]),
        ("timestep_spacing", 2, [999, 499]),
        ("one_step_fewer", 2, [0]),
        ("one_step_more", 2, [666, 333, 0]),
    ],
)
def test_schedules(name: str, steps: int, timesteps: list[int]) -> None:
    scheduler = ddim().scheduler
    with planted(ddim(), f"scheduler.{name}") as perturbed:
        scheduler.set_timesteps(steps)
        assert scheduler.timesteps.tolist() == timesteps
        assert perturbed.acted == 1
    scheduler.set_timesteps(steps)
    assert scheduler.timesteps.tolist() == [500, 0]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("clip_sample", {"clip_sample": False}),
        ("prediction_type", {"prediction_type": "v_prediction"}),
        ("beta_schedule", {"beta_schedule": "scaled_linear"}),
    ],
)
def test_a_step_is_that_of_other_options(name: str, options: dict[str, Any]) -> None:
    before = dict(ddim().scheduler.config)
    with planted(ddim(), f"scheduler.{name}") as perturbed:
        found = stepped(ddim().scheduler)
        assert perturbed.acted
    torch.testing.assert_close(found, stepped(otherwise(**options)), rtol=1e-4, atol=1e-5)
    assert not torch.equal(found, stepped(ddim().scheduler))
    assert dict(ddim().scheduler.config) == before


def test_final_alpha_is_used_by_the_last_step() -> None:
    scheduler, other = ddim().scheduler, otherwise(set_alpha_to_one=False)
    with planted(ddim(), "scheduler.final_alpha"):
        scheduler.set_timesteps(2)
        found = scheduler.step(MODEL_OUTPUT, 0, SAMPLE).prev_sample
    other.set_timesteps(2)
    assert torch.equal(found, other.step(MODEL_OUTPUT, 0, SAMPLE).prev_sample)
    assert scheduler.final_alpha_cumprod == 1.0


def test_betas_scaled() -> None:
    with planted(ddim(), "scheduler.betas_scaled", 0.01):
        found = ddim().scheduler.alphas_cumprod.numpy()
    expected = np.cumprod(1 - 1.01 * np.linspace(1e-4, 0.02, 1000))
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    np.testing.assert_allclose(ddim().scheduler.alphas_cumprod.numpy()[0], 1 - 1e-4, rtol=1e-6)


def test_step_scaled_changes_what_is_handed_on_only() -> None:
    scheduler = ddim().scheduler
    right = stepped(scheduler)
    with planted(ddim(), "scheduler.step_scaled", 0.5):
        found = scheduler.step(MODEL_OUTPUT, scheduler.timesteps[0], SAMPLE)
        plain = scheduler.step(MODEL_OUTPUT, scheduler.timesteps[0], SAMPLE, return_dict=False)
    assert torch.equal(found.prev_sample, right * 1.5)
    assert torch.equal(plain[0], right * 1.5)
    assert found.pred_original_sample.abs().max() <= 1


def test_eta() -> None:
    scheduler = ddim().scheduler
    noisy = stepped(scheduler, eta=0.1, generator=seeded())
    with planted(ddim(), "scheduler.eta_added") as perturbed:
        assert torch.equal(stepped(scheduler, eta=0.0, generator=seeded()), noisy)
        assert perturbed.acted == 1
    with planted(ddim(), "scheduler.eta_ignored") as perturbed:
        assert torch.equal(stepped(scheduler, eta=0.1, generator=seeded()), stepped(scheduler, eta=0.0))
        assert perturbed.acted == 1


def test_previous_timestep_of_a_count() -> None:
    """With three steps, not two, the stride is 333."""
    other = otherwise()
    other.set_timesteps(3)
    with planted(ddim(), "scheduler.previous_timestep"):
        found = stepped(ddim().scheduler)
    assert torch.equal(found, other.step(MODEL_OUTPUT, 500, SAMPLE).prev_sample)


def test_previous_timestep_that_is_handed_in() -> None:
    scheduler = unclip().decoder_scheduler
    scheduler.set_timesteps(3)
    output, sample = torch.ones(1, 6, 4, 4), torch.ones(1, 3, 4, 4)
    expected = scheduler.step(output, 500, sample, prev_timestep=99, generator=seeded()).prev_sample
    with planted(unclip(), "scheduler.previous_timestep") as perturbed:
        found = scheduler.step(output, 500, sample, prev_timestep=100, generator=seeded()).prev_sample
        assert perturbed.acted == 1
    assert torch.equal(found, expected)


def test_variance_scaled_leaves_other_noise_alone() -> None:
    scheduler = ddim().scheduler
    still, noisy = stepped(scheduler), stepped(scheduler, eta=1.0, generator=seeded())
    mean = stepped(scheduler, eta=1.0, variance_noise=torch.zeros_like(SAMPLE))
    with planted(ddim(), "scheduler.variance_scaled", 1.0):
        found = stepped(scheduler, eta=1.0, generator=seeded())
        assert torch.equal(torch.randn(3, generator=seeded()), torch.randn(3, generator=seeded()))
    torch.testing.assert_close(found - mean, 2 * (noisy - mean), rtol=1e-4, atol=1e-5)
    assert torch.equal(still, stepped(scheduler))


def test_sigmas() -> None:
    pipeline = stable_diffusion("euler")
    scheduler = pipeline.scheduler
    scheduler.set_timesteps(4)
    right, scale = scheduler.sigmas.clone(), float(scheduler.init_noise_sigma)
    with planted(pipeline, "scheduler.sigma_shift", 0.5):
        scheduler.set_timesteps(4)
        assert torch.equal(scheduler.sigmas, right * 1.5)
    with planted(pipeline, "scheduler.final_sigma"):
        scheduler.set_timesteps(4)
        smallest = ((1 - scheduler.alphas_cumprod[0]) / scheduler.alphas_cumprod[0]) ** 0.5
        assert torch.equal(scheduler.sigmas, torch.cat([right[:-1], smallest.reshape(1)]))
    scheduler.set_timesteps(4)
    with planted(pipeline, "scheduler.init_noise_sigma", 1.0) as perturbed:
        assert float(scheduler.init_noise_sigma) == 2 * scale
        assert perturbed.acted == 1
    assert torch.equal(scheduler.sigmas, right)


def test_input_unscaled() -> None:
    pipeline = stable_diffusion("euler")
    pipeline.scheduler.set_timesteps(4)
    first = pipeline.scheduler.timesteps[0]
    assert not torch.equal(pipeline.scheduler.scale_model_input(SAMPLE, first), SAMPLE)
    with planted(pipeline, "scheduler.input_unscaled") as perturbed:
        assert torch.equal(pipeline.scheduler.scale_model_input(SAMPLE, first), SAMPLE)
        assert perturbed.acted == 1
    with planted(ddim(), "scheduler.input_unscaled") as perturbed:
        ddim().scheduler.scale_model_input(SAMPLE, 0)
        assert perturbed.acted == 0


def test_denoiser_timestep() -> None:
    with torch.no_grad():
        right = ddim().unet(SAMPLE, 499).sample
    with planted(ddim(), "scheduler.denoiser_timestep"):
        assert torch.equal(ddim().unet(SAMPLE, 500).sample, right)
        assert torch.equal(ddim().unet(sample=SAMPLE, timestep=torch.tensor(500)).sample, right)


def test_a_scheduler_without_sigmas_has_no_place_for_some() -> None:
    with (
        pytest.raises(NotApplicable, match="no scheduler has sigmas"),
        planted(ddim(), "scheduler.sigma_shift"),
    ):
        pass
