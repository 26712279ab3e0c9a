"""The training loop of all built-in models: AdamW, a cosine learning rate with warm-up, averaged weights."""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

_log = logging.getLogger(__name__)
_LOG_EVERY = 100
_WARM_UP = 0.05
_LARGEST_GRADIENT = 1.0

BatchLoss = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Recipe:
    """How long and how fast to train. Length is counted in steps, never in seconds."""

    steps: int
    batch: int
    learning_rate: float
    ema: float
    weight_decay: float = 0.01


def rate_at(step: int, recipe: Recipe) -> float:
    """Return the learning rate of one step: it rises linearly over the first 5 %, then falls along a cosine to 0."""
    warm = max(1, round(recipe.steps * _WARM_UP))
    if step < warm:
        return recipe.learning_rate * (step + 1) / warm
    return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, recipe.steps - warm)))


def fit(
    module: nn.Module, loss_of: BatchLoss, count: int, recipe: Recipe, generator: torch.Generator
) -> float:
    """Train `module` in place, leave the averaged weights in it, and return the mean loss of the last tenth.

    `loss_of` takes the indices of the drawn examples, int64 (batch,) in 0..count-1, and returns a scalar.
    """
    optimizer = torch.optim.AdamW(
        module.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    ema = Ema(module, recipe.ema)
    losses: list[float] = []
    module.train()
    for step in range(recipe.steps):
        chosen = torch.randint(count, (recipe.batch,), generator=generator)
        losses.append(_update(module, optimizer, loss_of(chosen), rate_at(step, recipe)))
        ema.update(module)
        if (step + 1) % _LOG_EVERY == 0:
            _log.info("step %d of %d, loss %.4f", step + 1, recipe.steps, _mean(losses[-_LOG_EVERY:]))
    ema.copy_to(module)
    module.eval()
    return _mean(losses[-max(1, recipe.steps // 10) :])


def _update(module: nn.Module, optimizer: torch.optim.Optimizer, loss: Tensor, rate: float) -> float:
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(module.parameters(), _LARGEST_GRADIENT)
    optimizer.step()
    return loss.item()


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


class Ema:
    """Keeps the average of a module's parameters.

    The decay of update n is `min(decay, (1 + n) / (10 + n))`, so that the random initial weights are
    forgotten quickly (the warm-up of TensorFlow's `ExponentialMovingAverage(num_updates=...)`).
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self._decay = decay
        self._updates = 0
        self._averages: list[Tensor] = [p.detach().clone() for p in module.parameters()]

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Move the average towards the module's current parameters."""
        self._updates += 1
        decay = min(self._decay, (1 + self._updates) / (10 + self._updates))
        for average, now in zip(self._averages, module.parameters(), strict=True):
            average.lerp_(now, 1 - decay)

    @torch.no_grad()
    def copy_to(self, module: nn.Module) -> None:
        """Overwrite the module's parameters with the average."""
        for average, now in zip(self._averages, module.parameters(), strict=True):
            now.copy_(average)
