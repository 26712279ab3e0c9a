"""Faults between the final latents and the image: the scaling and the decoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch.nn import functional

from harness.worker.perturb.locate import autoencoders, first_argument, input_of, network, norms, required
from harness.worker.perturb.mutants.denoiser import bilinear
from harness.worker.perturb.site import Change, Plant, Site
from harness.worker.trace.hooks import Call
from harness.worker.trace.tree import Found, exchanged


def _scaling_factor(site: Site) -> None:
    _on_latents(site, lambda latents: latents / (1 + site.size))


def _shift(site: Site) -> None:
    _on_latents(site, lambda latents: latents + site.size)


def _tile_seam(site: Site) -> None:
    def halves(call: Call) -> Any:
        (latents, *rest) = call.args or (call.kwargs.pop("z"),)
        if latents.shape[-1] < 2:
            return call.original(latents, *rest, **call.kwargs)
        left, right = (call.original(half, *rest, **call.kwargs) for half in latents.chunk(2, dim=-1))
        found = Found()
        found.add("", right)
        others = dict(found.tensors)
        site.act()
        return exchanged("", left, lambda name, tensor: torch.cat([tensor, others[name]], dim=-1))

    for part in autoencoders(site):
        site.wrap(part, "decode", halves)


def _post_quant_skipped(site: Site) -> None:
    def skipped(call: Call) -> Any:
        result, given = call.proceed(), input_of(call)
        if given is None or given.shape != result.shape:
            return result
        site.act()
        return given

    held = [getattr(network(part), "post_quant_conv", None) for part in autoencoders(site)]
    for convolution in required(
        [one for one in held if one is not None], "no convolution before the decoder"
    ):
        site.wrap_module(convolution, skipped)


def _norm_skipped(site: Site) -> None:
    def skipped(call: Call) -> Any:
        site.act()
        return input_of(call)

    for part in autoencoders(site):
        decoder = getattr(network(part), "decoder", network(part))
        site.wrap_module(norms(decoder)[-1], skipped)


def _upsample_mode(site: Site) -> None:
    site.within(autoencoders(site), "decode", functional, "interpolate", bilinear(site))


INSIDE: Mapping[str, Plant] = {
    "decoding.tile_seam": _tile_seam,
    "decoding.post_quant_skipped": _post_quant_skipped,
    "decoding.norm_skipped": _norm_skipped,
    "decoding.upsample_mode": _upsample_mode,
}

BETWEEN: Mapping[str, Plant] = {"decoding.scaling_factor": _scaling_factor, "decoding.shift": _shift}


def _on_latents(site: Site, change: Change) -> None:
    def changed(tensor: torch.Tensor) -> torch.Tensor:
        site.act()
        return change(tensor)

    def listener(call: Call) -> Any:
        first_argument(call, changed)
        return call.proceed()

    for part in autoencoders(site):
        site.wrap(part, "decode", listener)
