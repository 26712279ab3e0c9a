"""Faults in the arithmetic of the denoiser: its attention, norms, activations, blocks and weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from diffusers.models import activations
from torch import nn
from torch.nn import functional

from harness.worker.perturb.locate import (
    blocks,
    denoisers,
    input_of,
    layers,
    like,
    main_denoiser,
    middle,
    network,
    norms,
    parameters,
    required,
)
from harness.worker.perturb.site import NotApplicable, Plant, Site
from harness.worker.trace import hooks

ATTENTION = "scaled_dot_product_attention"

Attend = Callable[..., torch.Tensor]

_OTHER: Mapping[type, Callable[[torch.Tensor], torch.Tensor]] = {
    nn.SiLU: functional.gelu,
    nn.GELU: functional.silu,
    nn.ReLU: functional.gelu,
    nn.Mish: functional.silu,
}

_GATED = (activations.GELU, activations.GEGLU)


def _head_zeroed(site: Site) -> None:
    """The second head, or the only one, of the first attention of each call."""
    seen = 0

    def attend(original: Attend, *args: Any, **kwargs: Any) -> torch.Tensor:
        nonlocal seen
        found, seen = original(*args, **kwargs), seen + 1
        if seen != 1:
            return found
        site.act()
        found = found.clone()
        found[:, min(1, found.shape[1] - 1)] = 0
        return found

    def begin(call: hooks.Call) -> Any:
        nonlocal seen
        seen = 0
        return call.proceed()

    part = main_denoiser(site)
    site.wrap(part, "forward", begin)
    site.within([part], "forward", functional, ATTENTION, attend)


def _softmax_scale(site: Site) -> None:
    def attend(original: Attend, query: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        site.act()
        scale = kwargs.pop("scale", None) or query.shape[-1] ** -0.5
        return original(query, *args, **kwargs, scale=scale * (1 + site.size))

    site.within(denoisers(site), "forward", functional, ATTENTION, attend)


def _norm_eps(site: Site) -> None:
    for part in denoisers(site):
        for norm in _with_eps(network(part)):
            site.set(norm, "eps", norm.eps / 10)


def _norm_eps_once(site: Site) -> None:
    norm = middle(required(_with_eps(network(main_denoiser(site))), "no norm with an eps"))
    site.set(norm, "eps", norm.eps / 10)


def _norm_skipped(site: Site) -> None:
    site.wrap_module(norms(network(main_denoiser(site)))[-1], lambda call: _input(site, call))


def _activation_swapped(site: Site) -> None:
    modules = [one for one in network(main_denoiser(site)).modules() if isinstance(one, (*_OTHER, *_GATED))]
    chosen = middle(required(modules, "no activation that has another one"))
    if isinstance(chosen, _GATED):
        hooks.on_network(
            chosen, ["gelu"], lambda call: _with(site, functional.silu(call.args[0])), site.stack
        )
        return
    other = next(function for kind, function in _OTHER.items() if isinstance(chosen, kind))
    site.wrap_module(chosen, lambda call: _with(site, other(call.args[0])))


def _residual_scaled(site: Site) -> None:
    block = middle(blocks(main_denoiser(site)))
    site.wrap_module(block, lambda call: site.changed(call.proceed(), lambda x: x * (1 + site.size)))


def _residual_dropped(site: Site) -> None:
    def without(call: hooks.Call) -> Any:
        result, given = call.proceed(), input_of(call)
        found = result[0] if isinstance(result, tuple) else result
        if given is None or found.shape != given.shape:
            return result
        return _with(site, like(result, found - given))

    site.wrap_module(middle(blocks(main_denoiser(site), same_shape=True)), without)


def _skip_dropped(site: Site) -> None:
    """Zero the last skip connection of the middle up block."""
    name = "res_hidden_states_tuple"
    modules = [one for one in network(main_denoiser(site)).modules() if name in parameters(one, "forward")]

    def without(call: hooks.Call) -> Any:
        place = parameters(call.owner, "forward").index(name)
        held = call.kwargs.get(name) or call.args[place]
        cut = (*held[:-1], torch.zeros_like(held[-1]))
        if name in call.kwargs:
            call.kwargs[name] = cut
        else:
            call.args = (*call.args[:place], cut, *call.args[place + 1 :])
        return _with(site, call.proceed())

    site.wrap_module(middle(required(modules, "no skip connections")), without)


def _upsample_mode(site: Site) -> None:
    site.within(denoisers(site), "forward", functional, "interpolate", bilinear(site))


def _time_embedding_flip(site: Site) -> None:
    def flip(tensor: torch.Tensor) -> torch.Tensor:
        return torch.cat(tensor.chunk(2, dim=-1)[::-1], dim=-1)

    for module in time_embeddings(site):
        site.wrap_module(module, lambda call: site.changed(call.proceed(), flip))


def _bias_dropped(site: Site) -> None:
    with_bias = [one for one in layers(main_denoiser(site)) if one.bias is not None and one.bias.any()]
    bias = middle(required(with_bias, "no layer with a bias")).bias
    assert isinstance(bias, torch.Tensor)
    site.edit(bias, torch.zeros_like)


def _weight_element(site: Site) -> None:
    """The element with the median magnitude in the weight of the middle layer."""

    def off(weight: torch.Tensor) -> torch.Tensor:
        changed = weight.clone().reshape(-1)
        place = changed.abs().median(dim=0).indices
        changed[place] = changed[place] * (1 + site.size)
        return changed.reshape(weight.shape)

    site.edit(_weight(middle(layers(main_denoiser(site)))), off)


def _weight_transposed(site: Site) -> None:
    """Transpose a square convolution kernel, or a square matrix if there is none."""
    every = layers(main_denoiser(site))
    kernels = [
        one for one in every if _weight(one).dim() >= 4 and _is_square(one) and _weight(one).shape[-1] > 1
    ]
    matrices = [one for one in every if _weight(one).dim() == 2 and _is_square(one)]
    site.edit(
        _weight(middle(required(kernels or matrices, "no square kernel"))), lambda x: x.transpose(-1, -2)
    )


def _late_calls(site: Site) -> None:
    calls = 0

    def larger(call: hooks.Call) -> Any:
        nonlocal calls
        calls += 1
        result = call.proceed()
        return result if calls < 2 else site.changed(result, lambda x: x * (1 + site.size))

    site.wrap(main_denoiser(site), "forward", larger)


INSIDE: Mapping[str, Plant] = {
    "denoiser.head_zeroed": _head_zeroed,
    "denoiser.softmax_scale": _softmax_scale,
    "denoiser.norm_eps": _norm_eps,
    "denoiser.norm_eps_once": _norm_eps_once,
    "denoiser.norm_skipped": _norm_skipped,
    "denoiser.activation_swapped": _activation_swapped,
    "denoiser.residual_scaled": _residual_scaled,
    "denoiser.residual_dropped": _residual_dropped,
    "denoiser.skip_dropped": _skip_dropped,
    "denoiser.upsample_mode": _upsample_mode,
    "denoiser.time_embedding_flip": _time_embedding_flip,
    "denoiser.bias_dropped": _bias_dropped,
    "denoiser.weight_element": _weight_element,
    "denoiser.weight_transposed": _weight_transposed,
    "denoiser.late_calls": _late_calls,
}

BETWEEN: Mapping[str, Plant] = {}


def bilinear(site: Site) -> Callable[..., Any]:
    """A replacement for torch's `interpolate` that does not use the nearest neighbour."""

    def interpolate(original: Callable[..., Any], tensor: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("mode", "nearest") != "nearest" or tensor.dim() != 4:
            return original(tensor, *args, **kwargs)
        return _with(site, original(tensor, *args, **{**kwargs, "mode": "bilinear"}))

    return interpolate


def time_embeddings(site: Site) -> tuple[nn.Module, ...]:
    """The module that turns timesteps into sines and cosines; raises NotApplicable if there is none."""
    found = [
        one
        for part in denoisers(site)
        for one in network(part).modules()
        if isinstance(vars(one).get("flip_sin_to_cos"), bool)
    ]
    return required(found, "no module for the time's sines and cosines")


def _with(site: Site, value: Any) -> Any:
    site.act()
    return value


def _input(site: Site, call: hooks.Call) -> Any:
    given = input_of(call)
    if given is None:
        raise NotApplicable("the module is given no tensor")
    return _with(site, given)


def _with_eps(module: nn.Module) -> list[Any]:
    """Group norms, or other norms if there are none."""
    found = [one for one in module.modules() if isinstance(getattr(one, "eps", None), float)]
    return [one for one in found if isinstance(one, nn.GroupNorm)] or found


def _weight(layer: nn.Module) -> torch.Tensor:
    weight = layer.weight
    assert isinstance(weight, torch.Tensor)
    return weight


def _is_square(layer: nn.Module) -> bool:
    shape = _weight(layer).shape
    return shape[-1] == shape[-2]
