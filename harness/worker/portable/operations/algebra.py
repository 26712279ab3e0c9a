"""Operations of linear algebra: products, attention, decompositions, transforms, complex numbers."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from harness.worker.portable.operations.operation import FLOATS, HALVES, Named, named, over, together, values

_PRODUCTS = ((1, 7, 5), (2, 64, 64), (33, 320, 77), (64, 768, 320))

_OTHERS = (torch.linalg.eig, torch.linalg.lu, torch.linalg.pinv, torch.linalg.slogdet)

_OF_COMPLEX = ("exp", "log", "sqrt", "abs", "angle", "tanh", "sin", "reciprocal")


def operations() -> Iterator[Named]:
    """Every one by name."""
    yield from _products()
    yield from _decompositions()
    yield from _transforms()
    yield from _complex()


def _products() -> Iterator[Named]:
    for dtype in (*FLOATS, *HALVES):
        for m, k, n in _PRODUCTS:
            one, two = values([m, k], dtype), values([n, k], dtype, seed=2)
            linear = partial(functional.linear, one, two, values([n], dtype, seed=3))
            yield named("linear", f"{m}x{k}x{n}", dtype), together(linear, partial(torch.matmul, one, two.T))
        batch, other = values([6, 50, 40], dtype), values([6, 40, 70], dtype, seed=2)
        yield named("bmm", dtype), partial(torch.bmm, batch, other)
        yield named("einsum", dtype), partial(torch.einsum, "bij,bjk->ik", batch, other)
        heads = [values([2, 3, 77, 40], dtype, seed=seed) for seed in (1, 2, 3)]
        for backend in (SDPBackend.MATH, SDPBackend.FLASH_ATTENTION):
            yield named("attention", backend.name.lower(), dtype), partial(_attention, backend, heads)
    yield from _masked()
    yield from _of_integers()
    row = values([4096])
    yield "dot", together(partial(torch.dot, row, row), partial(torch.mv, row.reshape(64, 64), row[:64]))


def _attention(backend: SDPBackend, heads: list[torch.Tensor], **how: Any) -> torch.Tensor:
    with sdpa_kernel(backend):
        return functional.scaled_dot_product_attention(*heads, **how)


def _masked() -> Iterator[Named]:
    """Attention as transformers use it: masked, causal, with fewer keys than queries."""
    for dtype in (torch.float32, *HALVES):
        heads = [values([1, 4, 65, 64], dtype, seed=seed) for seed in (1, 2, 3)]
        few = [heads[0], heads[1][:, :2], heads[2][:, :2]]
        mask = values([1, 1, 65, 65], dtype, seed=4)
        for backend in (SDPBackend.MATH, SDPBackend.FLASH_ATTENTION):
            ways = (
                partial(_attention, backend, heads, attn_mask=mask),
                partial(_attention, backend, heads, is_causal=True),
                partial(_attention, backend, few, enable_gqa=True, scale=0.3),
            )
            yield named("attention masked", backend.name.lower(), dtype), together(*ways)


def _of_integers() -> Iterator[Named]:
    """Weights quantised to integers. Not torch._int_mm, whose sums overflow: see `holes`."""
    weights = (values([64, 128], seed=2) * 40).clamp(-128, 127).to(torch.int8)
    for dtype in (torch.float32, *HALVES):
        given = (values([33, 128], dtype), weights, values([64], dtype, seed=3).abs() / 100)
        yield named("int8 weights", dtype), partial(torch._weight_int8pack_mm, *given)


def _decompositions() -> Iterator[Named]:
    # Not lstsq: its bits depend on the address of LAPACK's scratch memory, and so change between processes.
    for dtype in FLOATS:
        unit = torch.eye(24, dtype=dtype)
        a, b = values([24, 24], dtype) + 6 * unit, values([24, 5], dtype, seed=2)
        symmetric = a + a.T
        yield named("solve", dtype), partial(torch.linalg.solve, a, b)
        for function in (torch.linalg.inv, torch.linalg.det, torch.linalg.qr, torch.linalg.svd, *_OTHERS):
            yield named(function.__name__.removeprefix("linalg_"), dtype), partial(function, a)
        yield named("eigh", dtype), partial(torch.linalg.eigh, symmetric)
        yield named("cholesky", dtype), partial(torch.linalg.cholesky, symmetric + 30 * unit)
        triangle = partial(torch.linalg.solve_triangular, a.triu(), b, upper=True)
        yield named("solve_triangular", dtype), triangle
        yield named("matrix_exp", dtype), partial(torch.linalg.matrix_exp, a / 9)


def _transforms() -> Iterator[Named]:
    for dtype in FLOATS:
        for size in (64, 90, 97):
            x = values([3, size], dtype)
            whole = together(
                *(partial(function, x) for function in (torch.fft.fft, torch.fft.rfft, torch.fft.fft2))
            )
            yield named("fft", size, dtype), whole
            yield named("irfft", size, dtype), partial(torch.fft.irfft, torch.complex(x, x))
        cube = values([3, 20, 24], dtype)
        yield named("fftn", dtype), together(partial(torch.fft.fftn, cube), partial(torch.fft.rfftn, cube))
    window = 1 - values([128]).abs() / 7
    yield "stft", partial(torch.stft, values([2, 1000]), 128, 32, window=window, return_complex=True)


def _complex() -> Iterator[Named]:
    for dtype, part in ((torch.complex64, torch.float32), (torch.complex128, torch.float64)):
        x = torch.complex(values([515], part), values([515], part, seed=2))
        for name in _OF_COMPLEX:
            yield named(name, dtype), over(getattr(torch, name), [x])
        yield named("multiply", dtype), partial(operator.mul, x, x)
        yield named("matmul", dtype), partial(torch.matmul, x.reshape(5, 103), x.reshape(103, 5))
    angle = values([515])
    yield "polar", partial(torch.polar, angle.abs(), angle)
