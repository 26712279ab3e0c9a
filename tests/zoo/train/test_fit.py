"""The shared training loop follows its schedule, averages weights, and repeats itself bit for bit."""

import pytest
import torch
from torch import nn

from harness.zoo.train.fit import Ema, Recipe, fit, rate_at

RECIPE = Recipe(steps=100, batch=8, learning_rate=0.1, ema=0.9, weight_decay=0.0)


def test_rate_rises_then_falls_to_nothing() -> None:
    rates = [rate_at(step, RECIPE) for step in range(100)]
    assert rates[:5] == pytest.approx([0.02, 0.04, 0.06, 0.08, 0.1])
    assert rates[5:] == sorted(rates[5:], reverse=True)
    assert rates[-1] < 1e-4


def fitted_slope() -> tuple[float, float]:
    """Fit y = 3 x; return the slope found and the loss reported."""
    torch.manual_seed(0)
    line = nn.Linear(1, 1, bias=False)
    xs = torch.linspace(-1, 1, 32)[:, None]
    generator = torch.Generator().manual_seed(0)
    loss = fit(
        line, lambda chosen: (line(xs[chosen]) - 3 * xs[chosen]).square().mean(), 32, RECIPE, generator
    )
    return line.weight.item(), loss


def test_fit_finds_the_slope() -> None:
    slope, loss = fitted_slope()
    assert slope == pytest.approx(3, abs=0.1)
    assert loss < 0.05


def test_fit_repeats_bit_for_bit() -> None:
    assert fitted_slope() == fitted_slope()


def test_ema_is_the_decayed_average() -> None:
    module = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(module.weight)
    ema = Ema(module, decay=0.15)
    nn.init.ones_(module.weight)
    ema.update(module)
    ema.update(module)
    ema.copy_to(module)
    assert module.weight.item() == pytest.approx(1 - 0.15 * 0.15)
