"""Replace MKL's elementary functions that differ between makers of CPUs."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

_OVERRIDDEN: dict[str, Callable[..., Any]] = {
    "sqrt": np.sqrt,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
}
"""torch's name and numpy's function: the processor's own square root, and the C library's for the others."""

_REPLACED = (torch.float32, torch.float64)
"""Floating dtypes that reach MKL's vector library; integers reach it as floats.

Half precision is computed in float32 by the compiler's and SLEEF's code, complex numbers by the C++ library's
(aten/src/ATen/cpu/vec), and narrower floats are refused.
"""

_PROBE = 20_001

_library: list[torch.library.Library] = []
"""The overrides stay in effect as long as this object exists."""


def install() -> None:
    """Replace the functions in the whole process; installing twice changes nothing.

    torch's CPU kernels pass contiguous float32 and float64 to MKL's vector library (vmsSqrt, vmdTan, ...). Its
    square root, tangent and arc functions start from the processor's approximate reciprocal or reciprocal square
    root (rcpps, rsqrtps), which every maker implements differently: of 20,001 square roots, 3,400 are off by one
    unit in the last place, and the CPU decides which. No variable of MKL changes that. `x ** 0.5` reaches
    the same kernel as the square root (aten/src/ATen/native/cpu/PowKernel.cpp). numpy's square root is the
    processor's instruction, which rounds correctly (IEEE 754); its other functions are the C library's, without
    the AVX-512 variants that NPY_DISABLE_CPU_FEATURES turns off.

    Does nothing if torch offers no way to call the kernel that an override replaces (before 2.9);
    `is_correctly_rounded` then returns False.
    """
    if _library or not can_be_installed():
        return
    library = torch.library.Library("aten", "IMPL")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "(?s).*Overriding a previously registered kernel")
        for name, function in _OVERRIDDEN.items():
            _override(library, name, partial(_unary, function))
            _override(library, f"{name}_", partial(_unary_inplace, function))
            _override(library, f"{name}.out", partial(_unary_out, function))
        _override(library, "pow.Tensor_Scalar", _power)
        _override(library, "pow_.Scalar", _power_inplace)
        _override(library, "pow.Tensor_Scalar_out", _power_out)
    _library.append(library)


def can_be_installed() -> bool:
    """Whether torch offers the replaced kernel, which an override must call for most arguments."""
    return hasattr(torch.library, "get_kernel")


def uninstall() -> None:
    """Restore torch's own kernels."""
    while _library:
        _library.pop()._destroy()


def is_correctly_rounded() -> bool:
    """Whether every way to compute a square root is correct by IEEE 754, in float32 and float64."""
    numbers = torch.arange(_PROBE, dtype=torch.float64) / (_PROBE / 3.0)
    for values in (numbers, numbers.to(torch.float32)):
        exact = np.sqrt(values.numpy())
        ways = (
            values.sqrt(),
            torch.sqrt(values, out=torch.empty_like(values)),
            values.clone().sqrt_(),
            values**0.5,
            values.clone().pow_(0.5),
            torch.pow(values, 0.5, out=torch.empty_like(values)),
        )
        if not all(np.array_equal(way.numpy(), exact) for way in ways):
            return False
    return True


def _override(library: torch.library.Library, name: str, make: Callable[[Any], Any]) -> None:
    kernel = torch.library.get_kernel(f"aten::{name}", "CPU")
    library.impl(name, make(kernel), "CPU", with_keyset=True)


def _compute(function: Callable[..., Any], x: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
    with np.errstate(all="ignore"):
        function(x.detach().numpy(), out=out.detach().numpy())
    return out


def _new(function: Callable[..., Any], x: torch.Tensor) -> torch.Tensor:
    """The values in a new tensor with torch's own layout; integers give torch's default float."""
    floating = x if x.is_floating_point() else x.to(torch.get_default_dtype())
    if floating.dtype not in _REPLACED:  # the default dtype may be another
        return _new(function, floating.float()).to(floating.dtype)
    return _compute(function, floating, torch.empty_like(floating))


def _is_kept(x: torch.Tensor) -> bool:
    narrow = x.is_floating_point() and x.dtype not in _REPLACED
    return narrow or x.is_complex() or x.layout is not torch.strided


def _unary(function: Callable[..., Any], kernel: Any) -> Any:
    def unary(keys: Any, x: torch.Tensor) -> torch.Tensor:
        return kernel.call_boxed(keys, x) if _is_kept(x) else _new(function, x)

    return unary


# torch itself accepts, refuses or resizes the output: its kernel writes first. The values, computed before that,
# then replace its own.


def _unary_inplace(function: Callable[..., Any], kernel: Any) -> Any:
    def unary_(keys: Any, x: torch.Tensor) -> torch.Tensor:
        if _is_kept(x):
            return kernel.call_boxed(keys, x)
        values = _new(function, x)
        return kernel.call_boxed(keys, x).copy_(values)

    return unary_


def _unary_out(function: Callable[..., Any], kernel: Any) -> Any:
    def unary_out(keys: Any, x: torch.Tensor, *, out: torch.Tensor) -> torch.Tensor:
        if _is_kept(x):
            return kernel.call_boxed(keys, x, out=out)
        values = _new(function, x)
        return kernel.call_boxed(keys, x, out=out).copy_(values)

    return unary_out


def _is_root(exponent: object) -> bool:
    return isinstance(exponent, int | float) and exponent == 0.5


def _power(kernel: Any) -> Any:
    def power(keys: Any, x: torch.Tensor, exponent: Any) -> torch.Tensor:
        kept = _is_kept(x) or not _is_root(exponent)
        return kernel.call_boxed(keys, x, exponent) if kept else _new(np.sqrt, x)

    return power


def _power_inplace(kernel: Any) -> Any:
    def power_(keys: Any, x: torch.Tensor, exponent: Any) -> torch.Tensor:
        if _is_kept(x) or not _is_root(exponent):
            return kernel.call_boxed(keys, x, exponent)
        values = _new(np.sqrt, x)
        return kernel.call_boxed(keys, x, exponent).copy_(values)

    return power_


def _power_out(kernel: Any) -> Any:
    def power_out(keys: Any, x: torch.Tensor, exponent: Any, *, out: torch.Tensor) -> torch.Tensor:
        if _is_kept(x) or not _is_root(exponent):
            return kernel.call_boxed(keys, x, exponent, out=out)
        values = _new(np.sqrt, x)
        return kernel.call_boxed(keys, x, exponent, out=out).copy_(values)

    return power_out
