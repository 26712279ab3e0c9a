"""The exponential moving average of a module's weights, which samples better than the last weights do."""

import torch
from torch import Tensor, nn


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
        """Move the average towards the module's present parameters."""
        self._updates += 1
        decay = min(self._decay, (1 + self._updates) / (10 + self._updates))
        for average, now in zip(self._averages, module.parameters(), strict=True):
            average.lerp_(now, 1 - decay)

    @torch.no_grad()
    def copy_to(self, module: nn.Module) -> None:
        """Overwrite the module's parameters with the average."""
        for average, now in zip(self._averages, module.parameters(), strict=True):
            now.copy_(average)
