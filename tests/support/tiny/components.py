"""How every tiny component is made: seeded, in evaluation mode, and of a known scale."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch

Module = TypeVar("Module", bound=torch.nn.Module)


def seeded(make: Callable[..., Module], seed: int = 0, **config: Any) -> Module:
    """`make(**config)` with float32 weights drawn from `seed`, in evaluation mode."""
    torch.manual_seed(seed)
    return make(**config).eval()


def filled(module: Module, seed: int = 0, scale: float = 0.1) -> Module:
    """`module` with every all-zero weight replaced by normal noise of standard deviation `scale`.

    Zero-initialised layers (ControlNet outputs, adaptive norms, last projections) would otherwise hide
    whatever lies behind them from the output.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.numel() and not parameter.count_nonzero():
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * scale)
    return module


def centred(module: Module, last: torch.nn.Module, value: float, factor: float = 0.2) -> Module:
    """`module` with the weights of its `last` layer scaled by `factor` and the bias set to `value`.

    It keeps an output within the range that a pipeline clips to.
    """
    with torch.no_grad():
        for parameter in last.parameters():
            parameter.mul_(factor) if parameter.ndim > 1 else parameter.fill_(value)
    return module
