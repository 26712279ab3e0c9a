"""Synthetic inputs whose bits depend only on their description, not on torch, numpy or the CPU."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from harness.worker.splitmix64 import GAMMA, finalized

_ADDENDS = 12


def noise(description: Mapping[str, Any]) -> object:
    """The value of `$noise`: a tensor, array or image (or list of images) of the described shape.

    The bits come from SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
    OOPSLA 2014), a counter hashed by 64-bit integer arithmetic. Uniform values are its upper 53 bits;
    normal ones are the sum of twelve of those minus six (Irwin-Hall: mean 0, variance 1, within six of 0).
    That needs only additions, which round alike everywhere, unlike logarithms and cosines.
    """
    shape = tuple(description["shape"])
    count, seed = math.prod(shape), int(description.get("seed", 0))
    container = description.get("as", "tensor")
    if container == "image":
        return _images((_uniform(seed, 0, count) * 256.0).astype(np.uint8).reshape(shape))
    uniform = description.get("kind", "normal") == "uniform"
    values = _uniform(seed, 0, count) if uniform else _normal(seed, count)
    return _contained(values.reshape(shape), description.get("dtype", "float32"), container)


def gradient(description: Mapping[str, Any]) -> object:
    """The value of `$gradient`: ramps from 0 to 1, along a different diagonal in each channel (the last axis).

    The value at a place is the mean of its relative positions along all axes but the last, each reversed
    in the channels whose number has that axis's bit set. It uses only exact or correctly rounded operations.
    """
    shape = tuple(description["shape"])
    container = description.get("as", "image")
    values = _ramps(shape if len(shape) > 2 else (*shape, 1)).reshape(shape)
    if container == "image":
        return _images(np.floor(values * 255.0 + 0.5).astype(np.uint8))
    return _contained(values, description.get("dtype", "float32"), container)


def _uniform(seed: int, stream: int, count: int) -> npt.NDArray[np.float64]:
    """`count` numbers in [0, 1), multiples of 2**-53, from the stream of that number."""
    start = (seed * 0xD1342543DE82EF95 + stream * 0x2545F4914F6CDD1D) % 2**64
    with np.errstate(over="ignore"):
        state = finalized(np.uint64(start) + np.arange(1, count + 1, dtype=np.uint64) * GAMMA)
    return (state >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _normal(seed: int, count: int) -> npt.NDArray[np.float64]:
    total = _uniform(seed, 1, count)
    for stream in range(2, _ADDENDS + 1):
        total += _uniform(seed, stream, count)
    return total - _ADDENDS / 2


def _ramps(shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    *extents, channels = shape
    total = np.zeros(shape)
    for axis, extent in enumerate(extents):
        ramp = np.arange(extent, dtype=np.float64) / max(1, extent - 1)
        place = [1] * len(extents)
        place[axis] = extent
        for channel in range(channels):
            along = ramp[::-1] if (channel >> axis) & 1 else ramp
            total[..., channel] += along.reshape(place)
    return total / max(1, len(extents))


def _contained(values: npt.NDArray[np.float64], dtype: str, container: str) -> object:
    if container == "array":
        return values.astype(dtype)
    return torch.from_numpy(np.ascontiguousarray(values)).to(getattr(torch, dtype))


def _images(pixels: npt.NDArray[np.uint8]) -> Image.Image | list[Image.Image]:
    if pixels.ndim == 4:
        return [Image.fromarray(np.ascontiguousarray(frame)) for frame in pixels]
    return Image.fromarray(np.ascontiguousarray(pixels))
