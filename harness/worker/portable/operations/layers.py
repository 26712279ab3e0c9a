"""Operations of networks: convolutions, norms, resampling."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch.nn import functional

from harness.worker.portable.operations.operation import FLOATS, Named, named, together, values


def operations() -> Iterator[Named]:
    """Every one by name."""
    for dtype in (*FLOATS, torch.bfloat16):
        yield from _convolutions(dtype)
        yield from _norms(dtype)
    yield from _resampling()
    one, two = values([9, 65]), values([9, 65], seed=2)
    yield "cosine_similarity", partial(functional.cosine_similarity, one, two)


def _convolutions(dtype: torch.dtype) -> Iterator[Named]:
    picture, kernel = values([2, 32, 20, 20], dtype), values([48, 32, 3, 3], dtype, seed=2)
    point, depth = values([40, 32, 1, 1], dtype, seed=3), values([32, 1, 3, 3], dtype, seed=4)
    last = picture.to(memory_format=torch.channels_last)
    conv = functional.conv2d
    both = together(partial(conv, picture, kernel, padding=1), partial(conv, picture, kernel, stride=2))
    yield named("conv2d", dtype), both
    yield named("conv2d 1x1", dtype), partial(conv, picture, point)
    yield named("conv2d depthwise", dtype), partial(conv, picture, depth, groups=32)
    yield named("conv2d channels_last", dtype), partial(conv, last, kernel)
    up = values([32, 24, 4, 4], dtype, seed=5)
    yield named("conv_transpose2d", dtype), partial(functional.conv_transpose2d, picture, up, stride=2)
    wave, narrow = values([2, 16, 300], dtype), values([24, 16, 7], dtype, seed=6)
    yield named("conv1d", dtype), partial(functional.conv1d, wave, narrow, dilation=3)
    film, cube = values([1, 8, 5, 12, 12], dtype), values([16, 8, 3, 3, 3], dtype, seed=7)
    yield named("conv3d", dtype), partial(functional.conv3d, film, cube, padding=1)


def _norms(dtype: torch.dtype) -> Iterator[Named]:
    x, weight = values([2, 32, 13, 11], dtype), values([32], dtype, seed=2)
    rows, last = values([3, 50, 320], dtype), x.to(memory_format=torch.channels_last)
    yield named("group_norm", dtype), partial(functional.group_norm, x, 8, weight, weight)
    yield named("group_norm channels_last", dtype), partial(functional.group_norm, last, 8, weight, weight)
    yield named("layer_norm", dtype), partial(functional.layer_norm, rows, [320])
    yield named("rms_norm", dtype), partial(functional.rms_norm, rows, [320], eps=1e-6)
    spread = weight.abs() + 0.1
    yield named("batch_norm", dtype), partial(functional.batch_norm, x, weight, spread, weight, weight)
    yield named("normalize", dtype), partial(functional.normalize, rows, dim=-1)


def _resampling() -> Iterator[Named]:
    x = values([1, 3, 17, 19])
    for mode in ("nearest", "bilinear", "bicubic", "area"):
        yield f"interpolate {mode}", partial(functional.interpolate, x, size=(40, 33), mode=mode)
    smooth = partial(functional.interpolate, x, size=(7, 9), mode="bicubic", antialias=True)
    yield "interpolate antialias", smooth
    yield "avg_pool2d", partial(functional.avg_pool2d, x, 3)
    # Not grid_sample: qemu emulates its gathers wrongly, and would be called a machine that is not portable.
    yield "affine_grid", partial(functional.affine_grid, x[0, :1, :2, :3], [1, 3, 9, 9], align_corners=False)
