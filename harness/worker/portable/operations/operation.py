"""Helpers for operations of the known-answer table: their input numbers, and functions applied to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
import torch

from harness.worker.synthetic import noise

Operation = Callable[[], object]
"""Computes tensors, arrays or numbers, or sequences of them."""

Named = tuple[str, Operation]

FLOATS = (torch.float32, torch.float64)
HALVES = (torch.bfloat16, torch.float16)

SIZES = (7, 4099)
"""Fewer elements than a vector register holds, and a count that ends inside a register and a block."""


def values(shape: Sequence[int], dtype: torch.dtype = torch.float32, *, seed: int = 1) -> torch.Tensor:
    """Roughly normal numbers that depend on no library's functions; see `harness.worker.synthetic.noise`."""
    made = noise({"shape": list(shape), "seed": seed, "dtype": "float64"})
    assert isinstance(made, torch.Tensor)
    return made.to(dtype)


def between(low: float, high: float, size: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    """`size` uniform numbers from `low` to `high`, also independent of any library."""
    made = noise({"shape": [size], "seed": size, "kind": "uniform", "dtype": "float64"})
    assert isinstance(made, torch.Tensor)
    return (low + (high - low) * made).to(dtype)


def array(low: float, high: float, size: int, dtype: str = "float64") -> npt.NDArray[np.floating]:
    """Like `between`, for numpy."""
    found: npt.NDArray[np.floating] = between(low, high, size).numpy().astype(dtype)
    return found


def named(what: str, *details: object) -> str:
    """The name in the table: `conv2d bfloat16`."""
    return " ".join([what, *(str(detail).removeprefix("torch.") for detail in details)])


def together(*operations: Operation) -> Operation:
    """Several operations under one name."""
    return lambda: [operation() for operation in operations]


def over(function: Callable[..., object], inputs: Sequence[torch.Tensor]) -> Operation:
    """One function, applied to each input."""
    return together(*(partial(function, one) for one in inputs))
