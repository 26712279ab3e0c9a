"""Plant one fault in a pipeline of this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from diffusers import DDIMScheduler, EulerDiscreteScheduler, StableDiffusionPipeline

from harness.core.perturbation import Perturbation
from harness.worker.perturb.catalogue import Perturbed, Where
from tests.worker.trace import runs

PROMPT = "a handwritten seven"


@contextmanager
def planted(pipeline: Any, name: str, strength: float | None = None) -> Iterator[Perturbed]:
    """The pipeline with the fault while open."""
    perturbed = Perturbed(pipeline, Perturbation(name, strength))
    with perturbed.planted(Where.INSIDE), perturbed.planted(Where.BETWEEN), torch.no_grad():
        yield perturbed


def images(pipeline: Any, **call: Any) -> Any:
    """What two steps give, as arrays where the call does not ask for something else."""
    arguments = {"num_inference_steps": 2, "output_type": "np", "generator": runs.seeded(), **call}
    with torch.no_grad():
        return pipeline(**arguments).images


@cache
def ddim() -> Any:
    """The built-in DDIM."""
    return runs.ddim()


@cache
def stable_diffusion(scheduler: str = "ddim") -> Any:
    """The built-in Stable Diffusion with another scheduler than its own."""
    pipeline = runs.stable_diffusion()
    kind = {"ddim": DDIMScheduler, "euler": EulerDiscreteScheduler}[scheduler]
    # Trailing: a single step is then one from pure noise, in which guidance matters.
    other_one = kind.from_config(pipeline.scheduler.config, timestep_spacing="trailing")
    parts = {**pipeline.components, "scheduler": other_one}
    other = StableDiffusionPipeline(**parts, requires_safety_checker=False)
    other.set_progress_bar_config(disable=True)
    return other
