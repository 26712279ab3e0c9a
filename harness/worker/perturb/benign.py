"""Perturbations that a sound pipeline must tolerate: rounding errors of one unit in the last place."""

from __future__ import annotations

import math
from typing import Any

import torch
from diffusers.models.attention_processor import AttnProcessor, AttnProcessor2_0

from harness.worker.perturb.site import NotApplicable, Site, weights
from harness.worker.trace import noise
from harness.worker.trace.hooks import Call


def ulp(site: Site) -> None:
    """Move initial noise, weights and activations by up to one unit in the last place, at random.

    Weights, outputs of leaf modules and drawn noise are multiplied by 1 + u * size with u uniform in [-1, 1).
    Other kernels, other orders of summation and other compilers have the same effect, spread over a run (Higham,
    Accuracy and Stability of Numerical Algorithms, 2.2 and 3.1). `size` is the dtype's machine epsilon. For half
    precision it is half of that, the unit roundoff, since kernels keep its sums in float32 and round once.

    The output of a group norm also moves as a whole, each group of each sample by one factor and one offset:
    one rounding of a mean or variance affects all elements that it normalises, while independent noise averages
    out. See `_regrouped`.
    """
    for part in site.networks():
        network = part.owner
        assert isinstance(network, torch.nn.Module)
        for _name, weight in weights(network):
            site.edit(weight, lambda before: _moved(site, before))
        for module in network.modules():
            if not any(True for _ in module.children()):
                site.wrap_module(module, lambda call: _leaf(site, call))
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


def _leaf(site: Site, call: Call) -> Any:
    """The perturbed output of a module without children."""
    result = call.proceed()
    if isinstance(call.owner, torch.nn.GroupNorm) and not _is_away(call.owner):
        result = _regrouped(site, call.owner, result)
    return site.changed(result, lambda x: _moved(site, x))


def _regrouped(site: Site, norm: torch.nn.GroupNorm, result: torch.Tensor) -> torch.Tensor:
    """`result` (N, C, ...) as if the mean and deviation of every group were summed in another order."""
    samples, channels = result.shape[:2]
    elements = result[0].numel() // norm.num_groups
    kept_in = torch.promote_types(result.dtype, torch.float32)
    roundoff = torch.finfo(kept_in).eps / 2
    size = roundoff * _sum_error(elements, serial=_is_channels_last(result)) * (site.strength or 1.0)
    shape = (samples, norm.num_groups, *(1 for _ in result.shape[2:]))
    factor, offset = (
        (size * site.random_like(result.new_empty(shape))).repeat_interleave(channels // norm.num_groups, 1)
        for _ in range(2)
    )
    bias, weight = (
        default if values is None else values.to(kept_in).reshape(1, channels, *shape[2:])
        for values, default in ((norm.bias, 0.0), (norm.weight, 1.0))
    )
    exact = result.to(kept_in)
    return (exact + factor * (exact - bias) + offset * weight).to(result.dtype)


def _sum_error(elements: int, *, serial: bool) -> float:
    """The relative error of a sum of `elements` numbers from its order of summation, in unit roundoffs.

    Rounding errors add up like a random walk (Higham and Mary, A New Approach to Probabilistic Rounding Error
    Analysis, 2019): to about sqrt(n) unit roundoffs if n numbers are added one after the other, and to about
    sqrt(log2(n)) if they are added pairwise.
    """
    return math.sqrt(elements if serial else math.log2(max(elements, 2)))


def _is_away(norm: torch.nn.GroupNorm) -> bool:
    """Whether its weights are on another device between two calls, as with sequential offload."""
    return any(weight.is_meta for weight in norm.parameters())


def _is_channels_last(tensor: torch.Tensor) -> bool:
    """Whether torch's CPU kernel sums one number after the other, split by its threads.

    It does so only in this layout (aten/src/ATen/native/cpu/group_norm_kernel.cpp).
    """
    layout = {4: torch.channels_last, 5: torch.channels_last_3d}.get(tensor.ndim)
    if layout is None or tensor.device.type != "cpu" or tensor.is_contiguous():
        return False
    return tensor.is_contiguous(memory_format=layout)


def _moved(site: Site, tensor: torch.Tensor) -> torch.Tensor:
    if not tensor.is_floating_point():
        return tensor
    eps = torch.finfo(tensor.dtype).eps
    size = (eps if tensor.element_size() > 2 else eps / 2) * (site.strength or 1.0)
    return torch.addcmul(tensor, tensor, site.random_like(tensor).to(tensor.dtype), value=size)
