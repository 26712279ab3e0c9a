"""Perturbations that a sane pipeline must forgive: roundings moved by one unit in the last place."""

from __future__ import annotations

from typing import Any

import torch
from diffusers.models.attention_processor import AttnProcessor, AttnProcessor2_0

from harness.worker.perturb.site import NotApplicable, Site, weights
from harness.worker.trace import noise


def ulp(site: Site) -> None:
    """Move initial noise, weights and activations by up to one unit in the last place, at random.

    Weights and what every leaf module gives are multiplied by 1 + u * eps with u uniform in [-1, 1) and eps
    the dtype's machine epsilon; so is the noise that is drawn. This is what other kernels, other orders of
    summation and other compilers do to a run, spread over all of it (Higham, Accuracy and Stability of
    Numerical Algorithms, 2.2 and 3.1).
    """
    for part in site.networks():
        network = part.owner
        assert isinstance(network, torch.nn.Module)
        for _name, weight in weights(network):
            site.edit(weight, lambda before: _moved(site, before))
        for module in network.modules():
            if not any(True for _ in module.children()):
                site.wrap_module(module, lambda call: site.changed(call.proceed(), lambda x: _moved(site, x)))
    drawing = False

    def draw(_name: str, original: noise.Original, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        nonlocal drawing
        if drawing:
            return original(*args, **kwargs)
        drawing = True
        try:
            return site.changed(original(*args, **kwargs), lambda x: _moved(site, x))
        finally:
            drawing = False

    site.wrap_draws(draw)


def attention_processor(site: Site) -> None:
    """Compute attention by plain matrix products and a softmax instead of torch's fused kernel."""
    for part in site.networks():
        assert isinstance(part.owner, torch.nn.Module)
        for module in part.owner.modules():
            if type(getattr(module, "processor", None)) is AttnProcessor2_0:
                site.set(module, "processor", AttnProcessor())
    if not site.acted:
        raise NotApplicable("no module uses diffusers' AttnProcessor2_0")


def _moved(site: Site, tensor: torch.Tensor) -> torch.Tensor:
    if not tensor.is_floating_point():
        return tensor
    size = torch.finfo(tensor.dtype).eps * (site.strength or 1.0)
    return torch.addcmul(tensor, tensor, site.random_like(tensor).to(tensor.dtype), value=size)
