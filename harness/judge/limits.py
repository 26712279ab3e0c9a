"""Limits that can never fail because no difference in the output's dtype can exceed them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ml_dtypes
import numpy as np

from harness.core.capture import OUTPUT_PREFIX
from harness.core.results.reasons import LimitCannotFail
from harness.core.tolerance import AT_LEAST, METRIC_TABLE, Allowance, Limits, Numbers
from harness.golden.tensors import TensorFile, numpy_dtype


def toothless_limit(
    golden: TensorFile, allowance: Allowance | Mapping[str, Limits]
) -> LimitCannotFail | None:
    """The first output whose limits can never fail; None if every output can fail.

    A limit on rel_l2, which has no largest value, can always fail; so can an output that must be equal bit for bit.
    """
    for info in golden.tensors.values():
        name = info.name.removeprefix(OUTPUT_PREFIX)
        if not info.name.startswith(OUTPUT_PREFIX) or info.name in golden.document.text:
            continue
        limits = allowance.get(name) if isinstance(allowance, Mapping) else allowance
        stated = limits.stated() if isinstance(limits, Limits) else {}
        bounds = largest(info.dtype)
        if stated and all(_cannot_fail(metric, limit, bounds) for metric, limit in stated.items()):
            return LimitCannotFail(name, info.dtype, stated, {metric: bounds[metric] for metric in stated})
    return None


def largest(dtype: str) -> Mapping[str, float]:
    """The worst value that each bounded metric can have between two finite tensors of a dtype."""
    numbers = _numbers(numpy_dtype(dtype))
    extremes = ((name, metric.extreme(numbers)) for name, metric in METRIC_TABLE.items())
    return {name: float(extreme) for name, extreme in extremes if extreme is not None}


def _numbers(kind: np.dtype[Any]) -> Numbers:
    if kind.kind == "b":
        return Numbers(1, 1, whole=True)
    if kind.kind in "iu":
        info = np.iinfo(kind)
        span = int(info.max) - int(info.min)
        return Numbers(span, span, whole=True)
    real = np.dtype(np.float32) if kind.kind == "c" else kind
    top = ml_dtypes.finfo(real).max  # type: ignore[no-untyped-call]
    ordinal = int(np.asarray(top, real).view(f"u{real.itemsize}"))
    # The difference of two complex numbers is a modulus, at most the diagonal of the spans of both parts.
    return Numbers(2.0 * float(top) * (2**0.5 if kind.kind == "c" else 1.0), 2 * ordinal)


def _cannot_fail(metric: str, limit: float, bounds: Mapping[str, float]) -> bool:
    if metric not in bounds:
        return False
    return limit <= bounds[metric] if metric in AT_LEAST else limit >= bounds[metric]
