"""Operations of networks: convolutions, norms, resampling."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch.nn import functional

from harness.worker.portable.operations.operation import FLOATS, HALVES, Named, named, together, values


def operations() -> Iterator[Named]:
    """Every one by name."""
    for dtype in (*FLOATS, *HALVES):
        yield from _convolutions(dtype)
        yield from _norms(dtype)
        yield from _blocks(dtype)
    yield from _resampling()
    for dtype in HALVES:
        x = values([1, 3, 17, 19], dtype)
        for mode in ("nearest", "bilinear", "bicubic"):
            grown = partial(functional.interpolate, x, size=(40, 33), mode=mode)
            yield named("interpolate", mode, dtype), grown
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


def _blocks(dtype: torch.dtype) -> Iterator[Named]:
    """Modules of text and audio encoders for which torch has fused kernels."""
    x = values([2, 11, 32], dtype)
    for make in (_encoder, _attention, _recurrent):
        yield named(make.__name__.strip("_"), dtype), partial(_of_module, make, x)


def _encoder(dtype: torch.dtype) -> torch.nn.Module:
    return torch.nn.TransformerEncoderLayer(32, 4, 64, batch_first=True, dtype=dtype)


def _attention(dtype: torch.dtype) -> torch.nn.Module:
    return torch.nn.MultiheadAttention(32, 4, batch_first=True, dtype=dtype)


def _recurrent(dtype: torch.dtype) -> torch.nn.Module:
    # Not LSTM: qemu crashes in oneDNN's kernel for it.
    return torch.nn.GRU(32, 24, 2, batch_first=True, bidirectional=True, dtype=dtype)


def _of_module(make: Callable[[torch.dtype], torch.nn.Module], x: torch.Tensor) -> object:
    with torch.random.fork_rng(devices=()):  # initial values are replaced
        module = make(x.dtype)
    for seed, parameter in enumerate(module.parameters(), 1):
        parameter.data = values(parameter.shape, parameter.dtype, seed=seed) / 5
    given = (x, x, x) if isinstance(module, torch.nn.MultiheadAttention) else (x,)
    return module.eval()(*given)


def _resampling() -> Iterator[Named]:
    x = values([1, 3, 17, 19])
    for mode in ("nearest", "bilinear", "bicubic", "area"):
        yield f"interpolate {mode}", partial(functional.interpolate, x, size=(40, 33), mode=mode)
    smooth = partial(functional.interpolate, x, size=(7, 9), mode="bicubic", antialias=True)
    yield "interpolate antialias", smooth
    film = values([1, 2, 5, 6, 7])
    yield "interpolate trilinear", partial(functional.interpolate, film, scale_factor=2, mode="trilinear")
    last = values([2, 32, 13, 11]).to(memory_format=torch.channels_last)
    yield "interpolate channels_last", partial(functional.interpolate, last, scale_factor=2, mode="bilinear")
    yield "adaptive_avg_pool2d", partial(functional.adaptive_avg_pool2d, x, 5)
    yield "avg_pool2d", partial(functional.avg_pool2d, x, 3)
    # Not grid_sample: qemu emulates its gathers wrongly, and would not count as a portable machine.
    yield "affine_grid", partial(functional.affine_grid, x[0, :1, :2, :3], [1, 3, 9, 9], align_corners=False)
