"""Faults inside denoisers and VAEs: weights, attributes, attention."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import torch
from torch.nn import functional

from tests.support.faults.plants.tools import (
    CallsOfARun,
    after_loading,
    before_first,
    changed,
    element_off,
    plants,
    replaced,
    rewritten,
    rounded,
)


@plants("ddim-groupnorm-eps-everywhere")
def eps_everywhere(module: ModuleType) -> None:
    def change(unet: torch.nn.Module) -> None:
        for part in unet.modules():
            if isinstance(part, torch.nn.GroupNorm):
                part.eps = changed(part.eps, 1e-6)

    after_loading(module.UNet2DModel, change)


@plants("sd-groupnorm-eps-once")
def eps_once(module: ModuleType) -> None:
    def change(unet: torch.nn.Module) -> None:
        norm = unet.get_submodule("up_blocks.1.resnets.1.norm2")
        norm.eps = changed(norm.eps, 1e-6)

    after_loading(module.UNet2DConditionModel, change)


@plants("ddim-activation-swapped")
def activation_swapped(module: ModuleType) -> None:
    def change(unet: torch.nn.Module) -> None:
        block = unet.get_submodule("mid_block.resnets.1")
        block.nonlinearity = changed(block.nonlinearity, torch.nn.GELU())

    after_loading(module.UNet2DModel, change)


@plants("ddim-final-norm-skipped")
def final_norm_skipped(module: ModuleType) -> None:
    rewritten(module.UNet2DModel, "forward", "sample = self.conv_norm_out(sample)", "took_effect()")


@plants("ddim-weight-rounded")
def weight_rounded(module: ModuleType) -> None:
    after_loading(module.UNet2DModel, rounded("up_blocks.1.resnets.0.conv1"))


@plants("sd-weight-rounded-in-memory")
def weight_rounded_in_memory(module: ModuleType) -> None:
    before_first(module.UNet2DConditionModel, "forward", rounded("up_blocks.0.attentions.1.proj_in"))


@plants("sd-weight-element")
def weight_element(module: ModuleType) -> None:
    before_first(module.UNet2DConditionModel, "forward", element_off("mid_block.resnets.0.conv1"))


@plants("unclip-last-super-res-weight")
def last_super_res_weight(module: ModuleType) -> None:
    off = element_off("up_blocks.2.resnets.0.conv2")

    def change(unet: torch.nn.Module) -> None:
        if unet.config._name_or_path.endswith("super_res_last"):
            off(unet)

    before_first(module.UNet2DModel, "forward", change)


@plants("sd-vae-weight")
def vae_weight(module: ModuleType) -> None:
    before_first(module.AutoencoderKL, "decode", element_off("decoder.up_blocks.1.resnets.0.conv1"))


@plants("img2img-encoder-weight")
def encoder_weight(module: ModuleType) -> None:
    before_first(module.AutoencoderKL, "encode", element_off("encoder.mid_block.resnets.1.conv1"))


@plants("sd-vae-scaling-config")
def vae_scaling_config(module: ModuleType) -> None:
    def change(vae: Any) -> None:
        before = vae.config.scaling_factor
        vae.register_to_config(scaling_factor=before * 1.01)
        changed(before, vae.config.scaling_factor)

    after_loading(module.AutoencoderKL, change)


@plants("unclip-prior-mean")
def prior_mean(module: ModuleType) -> None:
    @torch.no_grad()
    def change(prior: Any) -> None:
        prior.clip_mean.copy_(changed(prior.clip_mean.clone(), prior.clip_mean + 0.01))

    before_first(module.PriorTransformer, "post_process_latents", change)


@plants("sd-call-five")
def call_five(module: ModuleType) -> None:
    calls = CallsOfARun()

    def make(original: Any) -> Any:
        def forward(self: Any, sample: Any, timestep: Any, *args: Any, **kwargs: Any) -> Any:
            (found,) = original(self, sample, timestep, *args, **kwargs)
            return (changed(found, found * 1.001) if calls.number(timestep) >= 5 else found,)

        return forward

    replaced(module.UNet2DConditionModel, "forward", make)


@plants("sd-module-from-call-five")
def module_from_call_five(module: ModuleType) -> None:
    calls = CallsOfARun()
    faulty = WeakKeyDictionary[torch.nn.Module, bool]()
    path = "mid_block.attentions.0.transformer_blocks.0.norm2"

    def make(original: Any) -> Any:
        def forward(self: Any, sample: Any, timestep: Any, *args: Any, **kwargs: Any) -> Any:
            faulty[self.get_submodule(path)] = calls.number(timestep) >= 5
            return original(self, sample, timestep, *args, **kwargs)

        return forward

    def make_norm(original: Any) -> Any:
        def forward(self: Any, hidden: torch.Tensor) -> torch.Tensor:
            found = original(self, hidden)
            return changed(found, found * 1.001) if faulty.get(self) else found

        return forward

    replaced(module.UNet2DConditionModel, "forward", make)
    replaced(torch.nn.LayerNorm, "forward", make_norm)


Attend = Callable[..., torch.Tensor]


def _attention(is_faulty: Callable[[Any], bool], make: Callable[[Attend], Attend]) -> None:
    """Exchange the attention function while a processor serves an attention that `is_faulty` chooses."""

    def make_processor(original: Any) -> Any:
        def __call__(self: Any, attn: Any, *args: Any, **kwargs: Any) -> Any:
            if not is_faulty(attn):
                return original(self, attn, *args, **kwargs)
            correct = functional.scaled_dot_product_attention
            functional.scaled_dot_product_attention = partial(_attended, correct, make(correct))
            try:
                return original(self, attn, *args, **kwargs)
            finally:
                functional.scaled_dot_product_attention = correct

        return __call__

    # Imported here: a module below it may be the one that is being patched.
    from diffusers.models import attention_processor

    replaced(attention_processor.AttnProcessor2_0, "__call__", make_processor)


def _attended(correct: Attend, faulty: Attend, *args: Any, **kwargs: Any) -> torch.Tensor:
    return changed(correct(*args, **kwargs), faulty(*args, **kwargs))


def _scaled(correct: Attend) -> Attend:
    def attend(query: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        return correct(query, *args, **kwargs, scale=1.01 * query.shape[-1] ** -0.5)

    return attend


def _without_second_head(correct: Attend) -> Attend:
    def attend(*args: Any, **kwargs: Any) -> torch.Tensor:
        found = correct(*args, **kwargs).clone()
        found[:, 1] = 0
        return found

    return attend


@plants("sd-softmax-scale")
@plants("ddim-softmax-scale")
def softmax_scale(module: ModuleType) -> None:
    _attention(lambda attn: True, _scaled)


@plants("sd-head-zeroed")
def head_zeroed(module: ModuleType) -> None:
    _zero_a_head(module.UNet2DConditionModel, "down_blocks.1.attentions.0.transformer_blocks.0.attn2")


@plants("unclip-prior-head-zeroed")
def prior_head_zeroed(module: ModuleType) -> None:
    _zero_a_head(module.PriorTransformer, "transformer_blocks.1.attn1")


def _zero_a_head(network: type, path: str) -> None:
    """Let the second head of the attention at `path` of this kind of network give zeros."""
    chosen = WeakSet[torch.nn.Module]()
    after_loading(network, lambda loaded: chosen.add(loaded.get_submodule(path)))
    _attention(lambda attn: attn in chosen, _without_second_head)
