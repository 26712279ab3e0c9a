"""The forward process that all denoisers train on: clean samples with noise of random timesteps."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Noised:
    """A noised batch: `sample` and `noise` have the clean batch's shape, `timesteps` is int64 (batch,)."""

    sample: Tensor
    noise: Tensor
    timesteps: Tensor


def noised(clean: Tensor, scheduler: Any, generator: torch.Generator, below: int | None = None) -> Noised:
    """Noise each sample of `clean` (batch, ...) to its own random timestep, all under `below` if given."""
    noise = torch.randn(clean.shape, generator=generator)
    limit = scheduler.config.num_train_timesteps if below is None else below
    timesteps = torch.randint(limit, (len(clean),), generator=generator)
    return Noised(scheduler.add_noise(clean, noise, timesteps), noise, timesteps)
