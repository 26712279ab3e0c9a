"""Faults inside schedulers, and of what the pipeline tells them."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import torch

from tests.support.faults.plants.tools import (
    CallsOfARun,
    after_loading,
    changed,
    plants,
    replaced,
    rewritten,
    took_effect,
)


@plants("ddim-timesteps-off-by-one")
def timesteps_off_by_one(module: ModuleType) -> None:
    def make(original: Any) -> Any:
        def set_timesteps(self: Any, *args: Any, **kwargs: Any) -> None:
            original(self, *args, **kwargs)
            self.timesteps = changed(self.timesteps, (self.timesteps - 1).clamp(min=0))

        return set_timesteps

    replaced(module.DDIMScheduler, "set_timesteps", make)


@plants("ddim-spacing-trailing")
def spacing_trailing(module: ModuleType) -> None:
    def make(original: Any) -> Any:
        def set_timesteps(self: Any, num_inference_steps: int, *args: Any, **kwargs: Any) -> None:
            original(self, num_inference_steps, *args, **kwargs)
            count = self.config.num_train_timesteps
            trailing = np.round(np.arange(count, 0, -count / num_inference_steps)).astype(np.int64) - 1
            self.timesteps = changed(self.timesteps, torch.from_numpy(trailing))

        return set_timesteps

    replaced(module.DDIMScheduler, "set_timesteps", make)


@plants("sd-spacing-config")
def spacing_config(module: ModuleType) -> None:
    def make(original: Any) -> Any:
        def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
            original(self, *args, **{**kwargs, "timestep_spacing": "linspace"})
            changed(kwargs.get("timestep_spacing"), self.config.timestep_spacing)

        return __init__

    replaced(module.DDIMScheduler, "__init__", make)


@plants("ddim-beta-schedule")
def beta_schedule(module: ModuleType) -> None:
    def make(original: Any) -> Any:
        def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
            original(self, *args, **kwargs)
            first, last = self.config.beta_start**0.5, self.config.beta_end**0.5
            roots = torch.linspace(first, last, self.config.num_train_timesteps, dtype=torch.float32)
            self.betas = changed(self.betas, roots**2)
            self.alphas = 1.0 - self.betas
            self.alphas_cumprod = torch.cumprod(self.alphas, dim=0)

        return __init__

    replaced(module.DDIMScheduler, "__init__", make)


@plants("ddim-final-alpha")
def final_alpha(module: ModuleType) -> None:
    def make(original: Any) -> Any:
        def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
            original(self, *args, **kwargs)
            self.final_alpha_cumprod = changed(self.final_alpha_cumprod, self.alphas_cumprod[0])

        return __init__

    replaced(module.DDIMScheduler, "__init__", make)


@plants("euler-final-sigma")
def final_sigma(module: ModuleType) -> None:
    def make(original: Any) -> Any:
        def set_timesteps(self: Any, *args: Any, **kwargs: Any) -> None:
            original(self, *args, **kwargs)
            smallest = ((1 - self.alphas_cumprod[0]) / self.alphas_cumprod[0]) ** 0.5
            self.sigmas = changed(self.sigmas, torch.cat([self.sigmas[:-1], smallest.reshape(1)]))

        return set_timesteps

    replaced(module.EulerDiscreteScheduler, "set_timesteps", make)


@plants("ddim-eta-from-pipeline")
def eta_from_pipeline(module: ModuleType) -> None:
    rewritten(module.DDIMPipeline, "__call__", "eta=eta,", "eta=changed(eta, 0.1),")


@plants("sd-eta-in-scheduler")
def eta_in_scheduler(module: ModuleType) -> None:
    rewritten(
        module.DDIMScheduler,
        "step",
        "std_dev_t = eta * variance",
        "eta = changed(eta, 0.05)\n    std_dev_t = eta * variance",
    )


@plants("ddim-clip-sample")
def clip_sample(module: ModuleType) -> None:
    old = (
        "pred_original_sample = pred_original_sample.clamp(\n"
        "            -self.config.clip_sample_range, self.config.clip_sample_range\n        )"
    )
    new = (
        "changed(pred_original_sample, pred_original_sample.clamp(\n"
        "            -self.config.clip_sample_range, self.config.clip_sample_range\n        ))"
    )
    rewritten(module.DDIMScheduler, "step", old, new)


@plants("ddim-step-three")
def step_three(module: ModuleType) -> None:
    calls = CallsOfARun()

    def make(original: Any) -> Any:
        def step(self: Any, model_output: Any, timestep: Any, *args: Any, **kwargs: Any) -> Any:
            found = original(self, model_output, timestep, *args, **kwargs)
            if calls.number(timestep) >= 3:
                found.prev_sample = changed(found.prev_sample, found.prev_sample * 1.004)
            return found

        return step

    replaced(module.DDIMScheduler, "step", make)


@plants("ddim-one-step-fewer")
def one_step_fewer(module: ModuleType) -> None:
    def make(original: Any) -> Any:
        def set_timesteps(self: Any, num_inference_steps: int, *args: Any, **kwargs: Any) -> None:
            original(self, num_inference_steps - 1, *args, **kwargs)
            took_effect()

        return set_timesteps

    replaced(module.DDIMScheduler, "set_timesteps", make)


@plants("sd-denoiser-timestep-off-by-one")
def denoiser_timestep(module: ModuleType) -> None:
    rewritten(
        module.StableDiffusionPipeline,
        "__call__",
        "latent_model_input,\n                t,\n",
        "latent_model_input,\n                changed(t, t - 1),\n",
    )


@plants("unclip-clip-sample")
def decoder_clip_sample(module: ModuleType) -> None:
    def change(scheduler: Any) -> None:
        if scheduler.config.variance_type == "learned_range":
            before = scheduler.config.clip_sample
            scheduler.register_to_config(clip_sample=False)
            changed(before, scheduler.config.clip_sample)

    after_loading(module.UnCLIPScheduler, change)


@plants("unclip-prior-clip-range")
def prior_clip_range(module: ModuleType) -> None:
    clamped = (
        "torch.clamp(\n            pred_original_sample,"
        " -self.config.clip_sample_range, self.config.clip_sample_range\n        )"
    )
    # The two other schedulers of the pipeline clip at 1 anyway.
    faulty = f"changed({clamped}, torch.clamp(pred_original_sample, -1, 1))"
    rewritten(module.UnCLIPScheduler, "step", clamped, faulty)


@plants("unclip-super-res-variance")
def super_res_variance(module: ModuleType) -> None:
    def make(original: Any) -> Any:
        def _get_variance(self: Any, *args: Any, **kwargs: Any) -> Any:
            variance = original(self, *args, **kwargs)
            config = self.config
            third = (config.prediction_type, config.clip_sample_range) == ("sample", 1.0)
            return changed(variance, variance * 1.01) if third else variance

        return _get_variance

    replaced(module.UnCLIPScheduler, "_get_variance", make)
