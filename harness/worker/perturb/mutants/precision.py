"""Faults of precision: a part that is computed or stored with fewer bits than the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.nn import functional

from harness.worker.perturb.locate import (
    autoencoders,
    blocks,
    denoisers,
    first_argument,
    layers,
    main_denoiser,
    middle,
    network,
    schedulers,
)
from harness.worker.perturb.mutants.denoiser import ATTENTION, Attend, time_embeddings
from harness.worker.perturb.site import Plant, Site, weights
from harness.worker.trace.hooks import Call

Rounding = Callable[[torch.Tensor], torch.Tensor]


def _weight_bf16(site: Site) -> None:
    weight = middle(layers(main_denoiser(site))).weight
    assert isinstance(weight, torch.Tensor)
    site.edit(weight, _to(torch.bfloat16))


def _block_bf16(site: Site) -> None:
    block = middle(blocks(main_denoiser(site)))
    site.wrap_module(block, lambda call: site.changed(call.proceed(), _to(torch.bfloat16)))


def _attention_bf16(site: Site) -> None:
    def attend(original: Attend, *args: Any, **kwargs: Any) -> torch.Tensor:
        site.act()
        kind = args[0].dtype
        less = {name: _lower(value) for name, value in kwargs.items()}
        return original(*(_lower(value) for value in args), **less).to(kind)

    site.within(denoisers(site), "forward", functional, ATTENTION, attend)


def _latents_fp16(site: Site) -> None:
    rounded = _to(torch.float16)

    def listener(call: Call) -> Any:
        first_argument(call, lambda x: _acted(site, rounded(x)))
        return call.proceed()

    for part in denoisers(site):
        site.wrap(part, "forward", listener)


def _time_embedding_fp16(site: Site) -> None:
    for module in time_embeddings(site):
        site.wrap_module(module, lambda call: site.changed(call.proceed(), _to(torch.float16)))


def _schedule_fp16(site: Site) -> None:
    rounded = _to(torch.float16)

    def after(call: Call) -> Any:
        result, owner = call.proceed(), call.owner
        held = getattr(owner, "sigmas", None)
        if isinstance(held, torch.Tensor) and held.is_floating_point():
            setattr(owner, "sigmas", _acted(site, rounded(held)))  # noqa: B010
        return result

    parts = schedulers(site, lambda one: hasattr(one, "betas") or hasattr(one, "sigmas"), "betas or sigmas")
    for part in parts:
        held = getattr(part.owner, "betas", None)
        if isinstance(held, torch.Tensor):
            alphas = 1.0 - rounded(held)
            site.set(part.owner, "alphas_cumprod", torch.cumprod(alphas, dim=0))
        if hasattr(part.owner, "set_timesteps"):
            site.wrap(part, "set_timesteps", after)


def _vae_fp16(site: Site) -> None:
    """Round weights and the output of every layer; a layer's own sums stay exact, as on a GPU."""
    rounded = _to(torch.float16)
    for part in autoencoders(site):
        for _name, weight in weights(network(part)):
            site.edit(weight, rounded)
        for module in network(part).modules():
            if not list(module.children()):
                site.wrap_module(module, lambda call: site.changed(call.proceed(), rounded))


INSIDE: Mapping[str, Plant] = {
    "precision.weight_bf16": _weight_bf16,
    "precision.block_bf16": _block_bf16,
    "precision.attention_bf16": _attention_bf16,
    "precision.time_embedding_fp16": _time_embedding_fp16,
    "precision.schedule_fp16": _schedule_fp16,
    "precision.vae_fp16": _vae_fp16,
}

BETWEEN: Mapping[str, Plant] = {"precision.latents_fp16": _latents_fp16}


def _to(kind: torch.dtype) -> Rounding:
    return lambda tensor: tensor.to(kind).to(tensor.dtype)


def _lower(value: Any) -> Any:
    return value.bfloat16() if isinstance(value, torch.Tensor) and value.is_floating_point() else value


def _acted(site: Site, value: torch.Tensor) -> torch.Tensor:
    site.act()
    return value
