"""What differs between CPUs whatever is done: seen as a run does it, which is then not called portable."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch

COMPILED = "torch.compile generates code for the CPU at hand"

_OBSERVED: Mapping[str, tuple[str, str]] = {
    "aten::linalg_lstsq.out": ("CPU", "torch.linalg.lstsq"),
}
"""The operator, the dispatch key of its kernel, and what its callers call it.

Their bits change from CPU to CPU, or from process to process on one.
"""

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
        for operator, (key, name) in _OBSERVED.items():
            _libraries.append(_observed(operator, key, name))


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


def _observed(operator: str, key: str, name: str) -> torch.library.Library:
    namespace, _, overload = operator.partition("::")
    library = torch.library.Library(namespace, "IMPL")
    kernel = torch.library.get_kernel(operator, key)
    library.impl(overload, partial(_noting, name, kernel.call_boxed), key, with_keyset=True)
    return library


def _noting(name: str, kernel: Callable[..., Any], keys: Any, *arguments: Any, **named: Any) -> Any:
    _used[name] = None
    return kernel(keys, *arguments, **named)
