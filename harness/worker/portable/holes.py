"""What differs between CPUs whatever is done: seen as a run does it, which is then not called portable."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

_KEY = "CPU"

COMPILED = "torch.compile generates code for the CPU at hand"

_BLOCKED = 128
"""Rows up to which a Cholesky factor had the same bits on a real CPU and an emulated one of another maker.

48 to 128 rows had, 160 to 256 had not: LAPACK cuts those into blocks.
"""


@dataclass(frozen=True, slots=True)
class _Hole:
    """An operator of torch with a kernel for CPUs, what its callers call it, and for which calls it is a hole."""

    operator: str
    name: str
    applies: Callable[..., bool] = lambda *_: True


def _is_large(matrix: torch.Tensor, *_: object) -> bool:
    return matrix.size(-1) > _BLOCKED


_CHOLESKY = f"torch.linalg.cholesky of more than {_BLOCKED} rows"

_HOLES = (
    _Hole("aten::linalg_lstsq.out", "torch.linalg.lstsq"),
    _Hole("aten::linalg_cholesky_ex", _CHOLESKY, _is_large),
    _Hole("aten::linalg_cholesky_ex.L", _CHOLESKY, _is_large),
    # On a real CPU, held to AVX2, some sums of products overflow; on an emulated one none did.
    _Hole("aten::_int_mm", "torch._int_mm"),
    _Hole("aten::_int_mm.out", "torch._int_mm"),
    _Hole("aten::cholesky", _CHOLESKY, _is_large),
    _Hole("aten::cholesky.out", _CHOLESKY, _is_large),
)
"""Their bits change from CPU to CPU, or from process to process on one."""

_libraries: list[torch.library.Library] = []
"""The observers stay in effect as long as these objects live."""

_used: dict[str, None] = {}


def watch() -> None:
    """Take note of every use of such an operation from now on; watching twice changes nothing.

    The observers call the kernel whose place they take, and cost nothing where none is called. Does nothing
    where torch offers no way to call that kernel (before 2.9): such a torch is not portable at all.
    """
    if _libraries or not hasattr(torch.library, "get_kernel"):
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "(?s).*Overriding a previously registered kernel")
        _libraries.extend(map(_observed, _HOLES))


def unwatch() -> None:
    """Give torch its own kernels back."""
    while _libraries:
        _libraries.pop()._destroy()


def forget() -> None:
    """Begin anew: what was used so far was another run's."""
    _used.clear()
    _compiled[0] = _graphs()


def used(device: str) -> tuple[str, ...]:
    """Why the run since `forget` is not portable on a `device` of this kind, a reason for each hole that it used."""
    told = tuple(f"{name} gives other bits from CPU to CPU" for name in _used)
    # On a GPU the generated code is the GPU's.
    return (*told, COMPILED) if device == "cpu" and compiled() else told


def compiled() -> bool:
    """Whether anything was compiled since `forget`; what is kept compiled would serve a later run unseen."""
    return _graphs() > _compiled[0]


_compiled = [0]


def _graphs() -> int:
    """How many pieces of code torch.compile has taken over in this process."""
    dynamo = sys.modules.get("torch._dynamo.utils")
    return int(dynamo.counters["frames"]["ok"]) if dynamo is not None else 0


def _observed(hole: _Hole) -> torch.library.Library:
    namespace, _, overload = hole.operator.partition("::")
    library = torch.library.Library(namespace, "IMPL")
    kernel = torch.library.get_kernel(hole.operator, _KEY)
    library.impl(overload, partial(_noting, hole, kernel.call_boxed), _KEY, with_keyset=True)
    return library


def _noting(hole: _Hole, kernel: Callable[..., Any], keys: Any, *given: Any, **named: Any) -> Any:
    if hole.applies(*given):
        _used[hole.name] = None
    return kernel(keys, *given, **named)
