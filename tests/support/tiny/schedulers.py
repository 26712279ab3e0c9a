"""The schedulers tiny pipelines use, with the settings of the models they stand for."""

from __future__ import annotations

from typing import Any

import diffusers
from diffusers import SchedulerMixin

STABLE_DIFFUSION = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def stable_diffusion(name: str = "DDIMScheduler", **config: Any) -> SchedulerMixin:
    """The scheduler class `name` over Stable Diffusion's noise schedule."""
    if name in ("DDIMScheduler", "LCMScheduler", "DDPMScheduler"):
        config = {"clip_sample": False, **config}
    scheduler: SchedulerMixin = getattr(diffusers, name)(**STABLE_DIFFUSION, **config)
    return scheduler


def flow(**config: Any) -> diffusers.FlowMatchEulerDiscreteScheduler:
    """The flow-matching Euler scheduler."""
    return diffusers.FlowMatchEulerDiscreteScheduler(**config)
