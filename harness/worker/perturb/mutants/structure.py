"""Faults of structure: which modules run, how often, in which order, and in which mode."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

from harness.worker.perturb.locate import (
    blocks,
    denoisers,
    input_of,
    like,
    main_denoiser,
    middle,
    network,
    required,
)
from harness.worker.perturb.site import NotApplicable, Plant, Site
from harness.worker.trace.hooks import Call

_DROPPED = 0.1


def _train_mode(site: Site) -> None:
    for part in denoisers(site):
        for module in network(part).modules():
            site.set(module, "training", True)


def _dropout(site: Site) -> None:
    """Apply dropout with the perturbation's own mask, so that the run's generators stay unchanged."""

    def drop(tensor: torch.Tensor) -> torch.Tensor:
        kept = site.random_like(tensor) >= 2 * _DROPPED - 1
        return tensor * kept / (1 - _DROPPED)

    modules = [one for one in network(main_denoiser(site)).modules() if isinstance(one, nn.Dropout)]
    chosen = middle(required(modules, "no dropout"))
    site.wrap_module(chosen, lambda call: site.changed(call.proceed(), drop))


def _layer_order(site: Site) -> None:
    first, second = next(_exchangeable(site), (None, None))
    if first is None or second is None:
        raise NotApplicable("no two adjacent layers of one shape")
    for module, other in ((first, second), (second, first)):
        # The class's method, since the other module's own method is wrapped as well.
        run_other = type(other).forward.__get__(other)
        site.wrap_module(module, lambda call, run_other=run_other: _instead(site, call, run_other))  # type: ignore[misc]


def _module_skipped(site: Site) -> None:
    def skipped(call: Call) -> Any:
        result, given = call.proceed(), input_of(call)
        found = result[0] if isinstance(result, tuple) else result
        if given is None or found.shape != given.shape:
            return result
        site.act()
        return like(result, given)

    site.wrap_module(middle(blocks(main_denoiser(site), same_shape=True)), skipped)


def _module_repeated(site: Site) -> None:
    def repeated(call: Call) -> Any:
        result, given = call.proceed(), input_of(call)
        found = result[0] if isinstance(result, tuple) else result
        if given is None or found.shape != given.shape:
            return result
        call.args = tuple(found if one is given else one for one in call.args)
        call.kwargs = {name: found if one is given else one for name, one in call.kwargs.items()}
        site.act()
        return call.proceed()

    site.wrap_module(middle(blocks(main_denoiser(site), same_shape=True)), repeated)


INSIDE: Mapping[str, Plant] = {
    "structure.train_mode": _train_mode,
    "structure.dropout": _dropout,
    "structure.layer_order": _layer_order,
    "structure.module_skipped": _module_skipped,
    "structure.module_repeated": _module_repeated,
}

BETWEEN: Mapping[str, Plant] = {}


def _instead(site: Site, call: Call, run_other: Any) -> Any:
    site.act()
    return run_other(*call.args, **call.kwargs)


def _exchangeable(site: Site) -> Iterator[tuple[nn.Module, nn.Module]]:
    """Adjacent layers of one class and shape, those of denoisers first."""
    parts = (*denoisers(site), *site.networks())
    for part in parts:
        for several in network(part).modules():
            if isinstance(several, nn.ModuleList):
                for first, second in zip(several, list(several)[1:], strict=False):
                    if type(first) is type(second) and _shapes(first) == _shapes(second) != []:
                        yield first, second


def _shapes(module: nn.Module) -> list[tuple[int, ...]]:
    return [tuple(parameter.shape) for parameter in module.parameters()]
