"""Detect operations that differ between CPUs despite all cures; a run that uses one is not portable."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

_KEY = "CPU"

COMPILED = "torch.compile generates code for the current CPU"

_BLOCKED = 128
"""Up to this many rows, a Cholesky factor had the same bits on a real CPU and an emulated one of another maker.

48 to 128 rows agreed, 160 to 256 did not: LAPACK splits those into blocks.
"""


@dataclass(frozen=True, slots=True)
class _Hole:
    """An operator of torch with a CPU kernel, its public name, and the calls for which it is a hole."""

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
    # On a real CPU restricted to AVX2, some sums of products overflow; on an emulated one none did.
    _Hole("aten::_int_mm", "torch._int_mm"),
    _Hole("aten::_int_mm.out", "torch._int_mm"),
    _Hole("aten::cholesky", _CHOLESKY, _is_large),
    _Hole("aten::cholesky.out", _CHOLESKY, _is_large),
)
"""Operations whose bits differ between CPUs, or between processes on one CPU."""

_libraries: list[torch.library.Library] = []
"""The observers stay in effect as long as these objects exist."""

_used: dict[str, None] = {}


def watch() -> None:
    """Record every use of such an operation from now on; watching twice changes nothing.

    The observers call the kernel that they replace, and cost nothing while none is called. Does nothing if torch
    offers no way to call that kernel (before 2.9): such a torch is not portable at all.
    """
    if _libraries or not hasattr(torch.library, "get_kernel"):
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "(?s).*Overriding a previously registered kernel")
        _libraries.extend(map(_observed, _HOLES))


def unwatch() -> None:
    """Restore torch's own kernels."""
    while _libraries:
        _libraries.pop()._destroy()


def forget() -> None:
    """Forget the operations that earlier runs used."""
    _used.clear()
    _compiled[0] = _graphs()


def used(device: str) -> tuple[str, ...]:
    """Why the run since `forget` is not portable on a `device` of this kind: a reason for each hole it used."""
    reasons = tuple(f"{name} gives different bits on different CPUs" for name in _used)
    # On a GPU, the generated code runs on the GPU.
    return (*reasons, COMPILED) if device == "cpu" and compiled() else reasons


def compiled() -> bool:
    """Whether anything was compiled since `forget`; a later run would use the compiled code unnoticed."""
    return _graphs() > _compiled[0]


_compiled = [0]


def _graphs() -> int:
    """How many code objects torch.compile has compiled in this process."""
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
