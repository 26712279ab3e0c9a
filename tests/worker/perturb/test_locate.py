"""The parts of a pipeline by their role, the layers inside a network, and the arguments of a call."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler, UNet2DModel
from torch import nn

from harness.worker.perturb import locate
from harness.worker.perturb.site import NotApplicable
from harness.worker.trace.hooks import Call
from harness.worker.trace.targets import Target


class Encoder(nn.Module):
    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        return input_ids


class Tokenizer:
    def __call__(self, text: str) -> list[int]:
        return [1]


class Step(nn.Module):
    """Called with a timestep under its short name."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layer = nn.Linear(width, width)

    def forward(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return self.layer(x)


def part(name: str, owner: object, *methods: str) -> Target:
    return Target(name, owner, methods or ("forward",))


def site(*parts: Target) -> Any:
    networks = tuple(one for one in parts if isinstance(one.owner, nn.Module))
    return SimpleNamespace(
        parts=lambda: parts,
        networks=lambda: networks,
        schedulers=lambda: tuple(one for one in parts if isinstance(one.owner, DDIMScheduler)),
    )


SMALL, LARGE = part("prior", Step(2)), part("unet", Step(4))
ENCODER, WORDS = part("text_encoder", Encoder()), part("tokenizer", Tokenizer(), "__call__")
VAE, PLAIN = part("vae", Encoder(), "forward", "decode"), part("head", nn.Linear(1, 1))
DDIM = part("scheduler", DDIMScheduler(), "step")
ALL = site(SMALL, LARGE, ENCODER, WORDS, PLAIN, DDIM, part("movq", nn.Identity(), "decode"))


def test_each_role_is_found_by_what_the_part_takes_and_gives() -> None:
    assert locate.denoisers(ALL) == (SMALL, LARGE)
    assert locate.main_denoiser(ALL) is LARGE
    assert locate.text_encoders(ALL) == (ENCODER,)
    assert locate.tokenizers(ALL) == (WORDS,)
    assert [one.name for one in locate.autoencoders(ALL)] == ["movq"]
    assert locate.schedulers(ALL, lambda one: one.config.clip_sample, "clipping") == (DDIM,)


@pytest.mark.parametrize(
    ("find", "missing"),
    [
        (locate.denoisers, "no network that takes a timestep"),
        (locate.main_denoiser, "no network that takes a timestep"),
        (locate.text_encoders, "no network that takes token ids"),
        (locate.tokenizers, "no tokenizer"),
        (locate.autoencoders, "no network that decodes latents"),
        (lambda one: locate.schedulers(one, lambda _: False, "sigmas"), "no scheduler has sigmas"),
    ],
)
def test_a_role_that_nothing_has_is_told(find: Callable[[Any], object], missing: str) -> None:
    with pytest.raises(NotApplicable, match=f"^{missing}$"):
        find(site(PLAIN, DDIM))


def unet() -> UNet2DModel:
    return UNet2DModel(
        sample_size=8,
        in_channels=1,
        out_channels=1,
        layers_per_block=1,
        block_out_channels=(4, 8),
        norm_num_groups=2,
        down_block_types=("DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D"),
    )


def test_blocks_in_order_and_those_that_keep_the_shape() -> None:
    network = part("unet", unet())
    every = locate.blocks(network)
    assert {type(one).__name__ for one in every} == {"ResnetBlock2D"}
    assert every[0] is network.owner.down_blocks[0].resnets[0]
    same = locate.blocks(network, same_shape=True)
    assert set(same) < set(every)
    assert all(one.in_channels == one.out_channels for one in same)
    with pytest.raises(NotApplicable, match="head has no such block"):
        locate.blocks(PLAIN)


def test_a_block_that_resizes_keeps_no_shape() -> None:
    class Layer(nn.Module):
        up = True

    with pytest.raises(NotApplicable):
        locate.blocks(part("unet", nn.Sequential(Layer())), same_shape=True)
    assert len(locate.blocks(part("unet", nn.Sequential(Layer())))) == 1


def test_norms_are_the_innermost_ones() -> None:
    class AdaNorm(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.LayerNorm(2)

    outer = AdaNorm()
    last = nn.GroupNorm(1, 2)
    assert locate.norms(nn.Sequential(outer, nn.Linear(2, 2), last)) == (outer.norm, last)
    with pytest.raises(NotApplicable, match="no normalisation"):
        locate.norms(nn.Linear(1, 1))


def test_layers_have_floating_weights_at_hand() -> None:
    whole = nn.Linear(2, 2)
    whole.weight = nn.Parameter(torch.ones(2, 2, dtype=torch.int8), requires_grad=False)
    here, away = nn.Conv1d(1, 1, 1), nn.Linear(2, 2, device="meta")
    network = nn.Sequential(nn.LayerNorm(2), whole, away, here)
    assert locate.layers(part("unet", network)) == (here,)
    with pytest.raises(NotApplicable, match="unet has no layer with weights"):
        locate.layers(part("unet", nn.Sequential(away)))


def test_the_middle_one() -> None:
    assert [locate.middle(range(count)) for count in (1, 2, 3, 4)] == [0, 1, 1, 2]


def called(*args: Any, **kwargs: Any) -> Call:
    return Call(SMALL.owner, "forward", lambda *args, **kwargs: (args, kwargs), args, kwargs)


def test_every_argument_is_changed_under_its_name() -> None:
    call = called(1, 2, 3, t=4)
    args, kwargs = locate.rebound(call, lambda name, value: f"{name}={value}")
    assert (args, kwargs) == (("x=1", "t=2", "2=3"), {"t": "t=4"})


@pytest.mark.parametrize("keyword", [False, True])
def test_the_first_argument_however_it_is_given(keyword: bool) -> None:
    one, other = torch.ones(2), torch.ones(2)
    call = called(x=one, t=other) if keyword else called(one, other)
    locate.first_argument(call, lambda tensor: tensor + 1)
    args, kwargs = call.proceed()
    first, second = kwargs.values() if keyword else args
    assert first.tolist() == [2.0, 2.0]
    assert second is other


def test_a_first_argument_of_whole_numbers_is_left_alone() -> None:
    ids = torch.ones(2, dtype=torch.int64)
    call = called(ids)
    locate.first_argument(call, lambda tensor: tensor + 1)
    assert call.args == (ids,)


def test_input_and_output_of_a_call() -> None:
    tensor, other = torch.ones(1), torch.zeros(1)
    assert locate.input_of(called("a", tensor, t=other)) is tensor
    assert locate.input_of(called("a", t=other)) is other
    assert locate.input_of(called("a")) is None
    assert locate.like((other, "more"), tensor) == (tensor, "more")
    assert locate.like(other, tensor) is tensor
