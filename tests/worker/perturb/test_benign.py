from __future__ import annotations

import math
from contextlib import ExitStack
from typing import Any

import pytest
import torch
from torch import nn

from harness.worker.perturb import benign
from harness.worker.perturb.site import NotApplicable, Site
from harness.worker.trace.hooks import Call
from tests.worker.perturb.planting import PROMPT, ddim, images, planted, stable_diffusion

EPS = 2.0**-23


class Networks:
    """A pipeline of one network, as far as a perturbation asks."""

    def __init__(self, network: nn.Module) -> None:
        self.components = {"net": network}
        self.net = network


def run(network: nn.Module, given: torch.Tensor, strength: float = 1.0, seed: int = 1) -> torch.Tensor:
    """What the network gives under the perturbation; its weights are its own again afterwards."""
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with ExitStack() as stack, torch.no_grad():
        site: Any = Site(Networks(network), stack, strength, seed)  # type: ignore[arg-type]
        benign.ulp(site)
        moved = network(given)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    return moved


def normal(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(dtype)


def test_activations_move_by_an_epsilon_at_most() -> None:
    given = normal(4, 1000)
    moved = run(nn.Identity(), given)
    apart = (moved.double() - given.double()).abs() / given.double().abs()
    # Rounding the moved value to the nearest float32 may add half of one.
    assert 0.4 * EPS < float(apart.mean()) < 0.7 * EPS
    assert float(apart.max()) <= 1.5 * EPS


def test_halves_move_by_a_rounding_to_nearest() -> None:
    given = normal(4, 1000, dtype=torch.bfloat16)
    moved = run(nn.Identity(), given)
    # In units of the distance to the next larger bfloat16, which below a power of two is half of that.
    steps = (moved.double() - given.double()).abs() / (2.0 ** (given.double().abs().log2().floor() - 7))
    assert {0.0, 1.0} <= set(steps.unique().tolist()) <= {0.0, 0.5, 1.0}
    assert 0.05 < float((steps > 0).double().mean()) < 0.5


def test_other_seeds_give_other_noise_and_the_same_one_the_same() -> None:
    network, given = nn.Linear(64, 64), normal(2, 64)
    assert torch.equal(run(network, given, seed=1), run(network, given, seed=1))
    assert not torch.equal(run(network, given, seed=1), run(network, given, seed=2))


def group_factors(moved: torch.Tensor, plain: torch.Tensor, groups: int) -> tuple[torch.Tensor, torch.Tensor]:
    """For every group of every sample the factor and the offset that move `plain` to `moved`, by least squares."""
    x = plain.double().reshape(plain.shape[0] * groups, -1)
    y = moved.double().reshape(x.shape) - x
    centred = x - x.mean(1, keepdim=True)
    factor = (centred * y).sum(1) / centred.square().sum(1)
    return factor, y.mean(1) - factor * x.mean(1)


@pytest.mark.parametrize(
    ("layout", "size"),
    [
        (torch.contiguous_format, math.sqrt(math.log2(2048))),  # summed pairwise
        (torch.channels_last, math.sqrt(2048)),  # one after the other
    ],
)
def test_a_group_norm_moves_as_a_whole(layout: torch.memory_format, size: float) -> None:
    norm = nn.GroupNorm(4, 8, affine=False)
    given = normal(64, 8, 32, 32).contiguous(memory_format=layout)
    with torch.no_grad():
        plain = norm(given)
    factor, offset = group_factors(run(norm, given), plain, 4)
    for found in (factor, offset):
        # Uniform in -1 .. 1, times the unit roundoff and the size; the elements' own noise averages out to 1/45.
        assert float(found.abs().max()) <= size * EPS / 2 + EPS / 4
        assert 0.45 * size < float(found.square().mean().sqrt()) / (EPS / 2) < 0.7 * size


def test_a_channels_last_group_norm_really_is_off_by_as_much() -> None:
    """The model against the kernel itself: its error in float32, which float64 shows, is of the modelled size."""
    norm = nn.GroupNorm(4, 8, affine=False)
    errors: dict[torch.memory_format, list[float]] = {torch.contiguous_format: [], torch.channels_last: []}
    for seed in range(8):
        given = torch.randn(1, 8, 32, 32, generator=torch.Generator().manual_seed(seed)).abs() + 0.5
        with torch.no_grad():
            exact = norm(given.double())
            for layout, found in errors.items():
                apart = norm(given.contiguous(memory_format=layout)).double() - exact
                found.append(float(apart.norm() / exact.norm()))
    pairwise, serial = (max(found) for found in errors.values())
    assert pairwise < 2 * EPS
    assert 4 * EPS < serial < math.sqrt(2048) * EPS


def test_a_group_norm_in_double_precision_moves_in_double_precision() -> None:
    norm, given = nn.GroupNorm(4, 8).double(), normal(2, 8, 16, 16, dtype=torch.float64)
    with torch.no_grad():
        plain = norm(given)
    apart = float((run(norm, given) - plain).norm() / plain.norm())
    assert 2.0**-53 < apart < 2.0**-49


def test_weights_that_are_elsewhere_are_left_alone() -> None:
    """Sequential offload puts them on the meta device between two calls."""

    class Elsewhere(nn.GroupNorm):
        def forward(self, given: torch.Tensor) -> torch.Tensor:
            return nn.functional.group_norm(given, self.num_groups)

    norm, given = Elsewhere(4, 8, device="meta"), normal(1, 8, 4, 4)
    with ExitStack() as stack, torch.no_grad():
        site: Any = Site(Networks(norm), stack, 1.0, 1)  # type: ignore[arg-type]
        result = benign._leaf(site, Call(norm, "forward", norm.forward, (given,), {}))
    assert float((result - nn.functional.group_norm(given, 4)).abs().max()) < 4 * EPS


def test_the_norms_weight_and_bias_are_taken_into_account() -> None:
    """A bias takes no part in what a group's mean and deviation do: where the weight is 0 it comes out as it is."""
    norm = nn.GroupNorm(1, 2)
    with torch.no_grad():
        norm.weight.zero_()
        norm.bias.fill_(1.0)
    # Were the bias taken for a part of what is normalised, it would move by up to sqrt(128) / 2 epsilons.
    moved = run(norm, normal(64, 2, 8, 8).contiguous(memory_format=torch.channels_last))
    assert float((moved - 1).abs().max()) <= 3 * EPS  # bias and activation, by an epsilon each


def test_a_whole_pipeline_moves_a_little_and_is_itself_again() -> None:
    plain = images(ddim())
    with planted(ddim(), "benign.ulp", 1.0) as perturbed:
        moved = images(ddim())
    assert perturbed.acted
    assert 0 < abs(moved - plain).max() < 1e-4
    assert (images(ddim()) == plain).all()


def test_attention_by_plain_products() -> None:
    call = {"prompt": PROMPT, "guidance_scale": 7.5}
    plain = images(stable_diffusion(), **call)
    with planted(stable_diffusion(), "benign.attention_processor"):
        other = images(stable_diffusion(), **call)
    assert 0 < abs(other - plain).max() < 1e-4


def test_what_has_no_such_attention(monkeypatch: pytest.MonkeyPatch) -> None:
    with ExitStack() as stack, pytest.raises(NotApplicable, match="AttnProcessor2_0"):
        benign.attention_processor(Site(Networks(nn.Linear(2, 2)), stack, None, 0))  # type: ignore[arg-type]
