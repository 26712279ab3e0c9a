"""Faults of the noise: what is drawn, how often, and how it is scaled."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import torch

from tests.support.faults.plants.tools import plants, replaced, rewritten, took_effect


@plants("ddim-another-seed")
def another_seed(module: ModuleType) -> None:
    def make(original: Any) -> Any:
        def __call__(self: Any, *args: Any, generator: Any = None, **kwargs: Any) -> Any:
            if generator.initial_seed() != 1:
                took_effect()
            return original(self, *args, generator=generator.manual_seed(1), **kwargs)

        return __call__

    replaced(module.DDIMPipeline, "__call__", make)


@plants("ddim-extra-draw")
def extra_draw(module: ModuleType) -> None:
    def make(original: Any) -> Any:
        def __call__(self: Any, *args: Any, generator: Any = None, **kwargs: Any) -> Any:
            torch.randn(1, generator=generator)
            took_effect()
            return original(self, *args, generator=generator, **kwargs)

        return __call__

    replaced(module.DDIMPipeline, "__call__", make)


@plants("unclip-draws-twice")
def draws_twice(module: ModuleType) -> None:
    def make(original: Any) -> Any:
        def randn_tensor(shape: Any, generator: Any = None, **kwargs: Any) -> Any:
            noise = original(shape, generator=generator, **kwargs)
            torch.randn(1, generator=generator)
            took_effect()
            return noise

        return randn_tensor

    replaced(module, "randn_tensor", make)


@plants("ddpm-draws-at-the-end")
def draws_at_the_end(module: ModuleType) -> None:
    def make(original: Any) -> Any:
        def step(self: Any, model_output: Any, timestep: Any, *args: Any, **kwargs: Any) -> Any:
            if int(timestep) == 0:
                module.randn_tensor(model_output.shape, generator=kwargs.get("generator"))
                took_effect()
            return original(self, model_output, timestep, *args, **kwargs)

        return step

    replaced(module.DDPMScheduler, "step", make)


@plants("sd-noise-scale")
def noise_scale(module: ModuleType) -> None:
    rewritten(
        module.StableDiffusionPipeline,
        "prepare_latents",
        "latents = latents * self.scheduler.init_noise_sigma",
        "latents = changed(latents, latents * self.scheduler.init_noise_sigma * 1.001)",
    )
