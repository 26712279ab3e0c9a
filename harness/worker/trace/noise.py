"""Listen to every draw of random numbers, whoever requests it."""

from __future__ import annotations

import functools
import hashlib
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from types import ModuleType
from typing import Any

import torch
from diffusers.utils import torch_utils

Original = Callable[..., Any]

Draw = Callable[[str, Original, tuple[Any, ...], dict[str, Any]], Any]
"""Called in place of a drawing function with its name, the original, and the call's arguments."""

_TORCH = ("randn", "randn_like", "rand", "rand_like", "randint", "randint_like", "randperm", "normal")
_SAMPLING = ("bernoulli", "multinomial", "poisson")
_IN_PLACE = ("normal_", "uniform_", "random_", "exponential_", "bernoulli_")

_APART = ("torch.", "transformers.", "sympy.", "numpy.", "scipy.")
"""Packages that diffusers depends on, which cannot reference its functions; they are most of all modules."""


def listen_to_draws(draw: Draw, stack: ExitStack) -> None:
    """Pass every draw through diffusers' `randn_tensor` or torch's own functions to `draw` until `stack` closes."""
    original = torch_utils.randn_tensor
    stand_in = _stand_in("randn_tensor", original, draw)
    before = sys.modules.copy()
    holding = _swap(before, original, stand_in)
    # Modules that are imported meanwhile keep the replacement.
    stack.callback(lambda: _swap({**holding, **_without(before, sys.modules.copy())}, stand_in, original))
    for name in (*_TORCH, *_SAMPLING):
        _replace(torch, name, draw, stack)
    for name in _IN_PLACE:
        _replace(torch.Tensor, name, draw, stack)


def generators(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[torch.Generator]:
    """The generators among a call's arguments; empty if it draws from the global ones."""
    return [
        one
        for value in (*args, *kwargs.values())
        for one in (value if isinstance(value, list | tuple) else [value])
        if isinstance(one, torch.Generator)
    ]


def state_of(found: list[torch.Generator]) -> str:
    """A digest in hex of the state of the generators, or of torch's global one if there are none."""
    states = [one.get_state() for one in found] or [torch.get_rng_state()]
    digest = hashlib.blake2b(digest_size=8)
    for state in states:
        digest.update(state.cpu().numpy().data)
    return digest.hexdigest()


def device_of(found: list[torch.Generator]) -> str:
    """The generators' device, `cpu` or `cuda:0`, or `global` if there are none."""
    return ", ".join(dict.fromkeys(str(one.device) for one in found)) or "global"


def _stand_in(name: str, original: Original, draw: Draw) -> Original:
    @functools.wraps(original)
    def drawn(*args: Any, **kwargs: Any) -> Any:
        return draw(name, original, args, kwargs)

    return drawn


Modules = Mapping[str, ModuleType]


def _swap(modules: Modules, old: Original, new: Original) -> Modules:
    """Put `new` wherever one of these modules has `old` as `randn_tensor`; returns those modules."""
    holding = {
        name: module
        for name, module in modules.items()
        if not name.startswith(_APART)
        # sys.modules may contain anything, and getattr on a lazy module imports.
        and issubclass(type(module), ModuleType)
        and module.__dict__.get("randn_tensor") is old
    }
    for module in holding.values():
        module.__dict__["randn_tensor"] = new
    return holding


def _without(known: Modules, modules: Modules) -> Modules:
    return {name: modules[name] for name in modules.keys() - known.keys()}


def _replace(holder: Any, name: str, draw: Draw, stack: ExitStack) -> None:
    original = getattr(holder, name)
    own = vars(holder).get(name)
    setattr(holder, name, _stand_in(name, original, draw))
    # torch.Tensor inherits its methods from a class in C.
    stack.callback(delattr, holder, name) if own is None else stack.callback(setattr, holder, name, own)
