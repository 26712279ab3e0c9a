"""Faults of post-processing: from the decoded tensor to the image that the pipeline returns."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from harness.worker.perturb.site import NotApplicable, Plant, Site
from harness.worker.trace.hooks import Call

Picture = npt.NDArray[Any]
"""Floats from 0 to 1, with channels last."""

Retouch = Callable[[Picture], Picture]

_PROCESSORS = ("diffusers.image_processor", "diffusers.video_processor")


def _rounded(site: Site) -> None:
    _on_pictures(site, lambda picture: (picture * 255).round() / 255)


def _not_denormalized(site: Site) -> None:
    _on_pictures(site, lambda picture: (picture * 2 - 1).clip(0, 1))


def _not_clamped(site: Site) -> None:
    """Disable `clamp(0, 1)` in the pipeline's own code and in diffusers' processors."""
    modules = (type(site.pipeline).__module__, *_PROCESSORS)

    def let_through(original: Callable[..., Any]) -> Callable[..., Any]:
        def clamp(tensor: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
            bounds = (*args, *kwargs.values())
            if bounds != (0, 1) or sys._getframe(1).f_globals.get("__name__") not in modules:
                return original(tensor, *args, **kwargs)
            site.act()
            return tensor

        return clamp

    _require_pictures(site)
    site.replace(torch.Tensor, "clamp", let_through(torch.Tensor.clamp))
    site.replace(torch, "clamp", let_through(torch.clamp))


def _channels_swapped(site: Site) -> None:
    def swap(picture: Picture) -> Picture:
        if picture.shape[-1] < 3:
            raise NotApplicable("the picture has one channel")
        return np.concatenate([picture[..., 2::-1], picture[..., 3:]], axis=-1)

    _on_pictures(site, swap)


def _transposed(site: Site) -> None:
    def exchange(picture: Picture) -> Picture:
        if picture.shape[-2] != picture.shape[-3]:
            raise NotApplicable("the picture is not a square")
        return picture.swapaxes(-2, -3)

    _on_pictures(site, exchange)


def _gamma(site: Site) -> None:
    _on_pictures(site, lambda picture: picture.clip(0, None) ** picture.dtype.type(1 + site.size))


def _shifted(site: Site) -> None:
    _on_pictures(site, lambda picture: picture + picture.dtype.type(site.size))


INSIDE: Mapping[str, Plant] = {"post_processing.not_clamped": _not_clamped}

BETWEEN: Mapping[str, Plant] = {
    "post_processing.rounded": _rounded,
    "post_processing.not_denormalized": _not_denormalized,
    "post_processing.channels_swapped": _channels_swapped,
    "post_processing.transposed": _transposed,
    "post_processing.gamma": _gamma,
    "post_processing.shifted": _shifted,
}


def _on_pictures(site: Site, change: Retouch) -> None:
    def listener(call: Call) -> Any:
        return _retouched(site, call.proceed(), change)

    _require_pictures(site)
    site.wrap_pipeline(listener)


def _require_pictures(site: Site) -> None:
    """Raise NotApplicable when the pipeline is called with a request for latents."""

    def listener(call: Call) -> Any:
        if call.kwargs.get("output_type") == "latent":
            raise NotApplicable("the pipeline is asked for latents, which are not post-processed")
        return call.proceed()

    site.wrap_pipeline(listener)


def _retouched(site: Site, value: Any, change: Retouch) -> Any:
    """`value` with every image in it changed: arrays and tensors of three axes or more, and PIL images."""
    if isinstance(value, Image.Image):
        return Image.fromarray(_of_array(site, np.asarray(value), change))
    if isinstance(value, np.ndarray) and value.ndim > 2:
        return _of_array(site, value, change)
    if isinstance(value, torch.Tensor) and value.dim() > 2:
        channels_last = value.movedim(-3, -1).cpu().numpy()
        return torch.from_numpy(_of_array(site, channels_last, change).copy()).movedim(-1, -3).to(value)
    if isinstance(value, list | tuple):
        return type(value)(_retouched(site, one, change) for one in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [field.name for field in dataclasses.fields(value)]
        return dataclasses.replace(
            value, **{name: _retouched(site, getattr(value, name), change) for name in fields}
        )
    return value


def _of_array(site: Site, array: Picture, change: Retouch) -> Picture:
    site.act()
    if array.dtype != np.uint8:
        return change(array)
    return (change(array / np.float32(255)).clip(0, 1) * 255).round().astype(np.uint8)
