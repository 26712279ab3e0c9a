"""How wrong a predicted variance is, by the divergence of two normal distributions."""

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from harness.zoo.train.unclip.decoder import scheduler, variance_error

SHAPE = (3, 2, 4, 4)
STEPS = torch.tensor([1, 10, 900])


def bounds(steps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Beta, and the variance of the true reverse step (Ho et al. 2020, eq. 7)."""
    schedule = scheduler()
    kept, before = schedule.alphas_cumprod[steps], schedule.alphas_cumprod[steps - 1]
    beta = schedule.betas[steps]
    return beta, beta * (1 - before) / (1 - kept)


@pytest.mark.parametrize("spread", [-1.0, 0.0, 0.4, 1.0])
def test_it_is_the_mean_divergence_of_the_true_step_from_the_predicted_one(spread: float) -> None:
    beta, smallest = (one[:, None, None, None].double() for one in bounds(STEPS))
    kept = scheduler().alphas_cumprod[STEPS][:, None, None, None].double()
    wrong = torch.full(SHAPE, 0.1, dtype=torch.float64)
    # A mean of the reverse step is off by beta / sqrt(alpha (1 - kept)) of the noise's error.
    shift = wrong * beta / ((1 - beta) * (1 - kept)).sqrt()
    share = (spread + 1) / 2
    predicted = beta**share * smallest ** (1 - share)
    exact = kl_divergence(Normal(shift, smallest.sqrt()), Normal(0.0, predicted.sqrt().expand(SHAPE)))
    found = variance_error(scheduler(), STEPS, wrong.float(), torch.full(SHAPE, spread))
    assert found.item() == pytest.approx(exact.mean().item(), rel=1e-3)


def test_a_right_prediction_is_no_error_and_a_wrong_one_is() -> None:
    nothing, lowest = torch.zeros(SHAPE), torch.full(SHAPE, -1.0)
    assert variance_error(scheduler(), STEPS, nothing, lowest).item() == pytest.approx(0, abs=1e-6)
    assert variance_error(scheduler(), STEPS, nothing, -lowest) > 0.01
    assert variance_error(scheduler(), STEPS, nothing + 1, lowest) > 0.01


def test_the_first_step_which_has_no_earlier_one_counts_as_the_second() -> None:
    zeros, ones = torch.zeros(3, dtype=torch.int64), torch.ones(3, dtype=torch.int64)
    wrong, spread = torch.full(SHAPE, 0.2), torch.zeros(SHAPE)
    found = variance_error(scheduler(), zeros, wrong, spread)
    assert torch.isfinite(found)
    assert found == variance_error(scheduler(), ones, wrong, spread)


def test_the_scheduler_expects_noise_and_a_variance() -> None:
    config = scheduler().config
    assert (config.variance_type, config.prediction_type) == ("learned_range", "epsilon")
