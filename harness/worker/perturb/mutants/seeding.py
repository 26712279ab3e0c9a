"""Faults of the noise: how generators are seeded and used, and how their numbers are processed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from harness.worker.perturb.site import Change, Plant, Site
from harness.worker.trace import noise

_SHAPED = ("randn_tensor", "randn")
"""The functions that take a shape and a dtype."""


def _other_seed(site: Site) -> None:
    seen: list[object] = []

    def draw(_name: str, original: noise.Original, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        for generator in _generators(args, kwargs):
            if generator not in seen:
                seen.append(generator)
                generator.manual_seed(generator.initial_seed() + 1)
                site.act()
        return original(*args, **kwargs)

    site.wrap_outer_draws(draw)


def _extra_draw(site: Site) -> None:
    seen: list[object] = []

    def draw(_name: str, original: noise.Original, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not seen:
            generator = _generators(args, kwargs)[0]
            seen.append(generator)
            torch.randn(1, generator=generator, device=generator.device)
            site.act()
        return original(*args, **kwargs)

    site.wrap_outer_draws(draw)


def _reseeded(site: Site) -> None:
    seen: list[object] = []

    def draw(_name: str, original: noise.Original, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        for generator in _generators(args, kwargs):
            if generator in seen:
                generator.manual_seed(generator.initial_seed())
                site.act()
            seen.append(generator)
        return original(*args, **kwargs)

    site.wrap_outer_draws(draw)


def _other_stream(site: Site) -> None:
    def draw(name: str, original: noise.Original, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if name not in _SHAPED or (name == "randn_tensor" and len(args) > 3):
            return original(*args, **kwargs)
        site.act()
        kind = kwargs.get("dtype") or torch.get_default_dtype()
        return original(*args, **{**kwargs, "dtype": torch.float64}).to(kind)

    site.wrap_outer_draws(draw)


def _noise_scaled(site: Site) -> None:
    _on_noise(site, lambda drawn: drawn * (1 + site.size))


def _noise_shared(site: Site) -> None:
    def share(drawn: torch.Tensor) -> torch.Tensor:
        return drawn[:1].expand_as(drawn).clone()

    def draw(_name: str, original: noise.Original, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        drawn = original(*args, **kwargs)
        return _changed(site, drawn, share) if drawn.dim() > 1 and len(drawn) > 1 else drawn

    site.wrap_outer_draws(draw)


def _noise_transposed(site: Site) -> None:
    def transpose(drawn: torch.Tensor) -> torch.Tensor:
        return drawn.transpose(-1, -2).contiguous() if drawn.shape[-1] == drawn.shape[-2] else drawn

    def draw(_name: str, original: noise.Original, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        drawn = original(*args, **kwargs)
        square = drawn.dim() > 2 and drawn.shape[-1] == drawn.shape[-2]
        return _changed(site, drawn, transpose) if square else drawn

    site.wrap_outer_draws(draw)


INSIDE: Mapping[str, Plant] = {
    "seeding.other_seed": _other_seed,
    "seeding.reseeded": _reseeded,
    "seeding.other_stream": _other_stream,
    "seeding.noise_scaled": _noise_scaled,
    "seeding.noise_shared": _noise_shared,
    "seeding.noise_transposed": _noise_transposed,
}

BETWEEN: Mapping[str, Plant] = {"seeding.extra_draw": _extra_draw}


def _generators(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[torch.Generator]:
    """The call's generators, or else torch's global one."""
    return noise.generators(args, kwargs) or [torch.default_generator]


def _on_noise(site: Site, change: Change) -> None:
    def draw(_name: str, original: noise.Original, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return _changed(site, original(*args, **kwargs), change)

    site.wrap_outer_draws(draw)


def _changed(site: Site, drawn: torch.Tensor, change: Change) -> torch.Tensor:
    if not drawn.is_floating_point():
        return drawn
    site.act()
    return drawn.copy_(change(drawn))
