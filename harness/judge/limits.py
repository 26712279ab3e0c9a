"""Limits that can never fail because no difference in the output's dtype can exceed them."""

from __future__ import annotations

from collections.abc import Mapping

import ml_dtypes
import numpy as np

from harness.core.capture import OUTPUT_PREFIX
from harness.core.results.reasons import LimitCannotFail
from harness.core.tolerance import AT_LEAST, Allowance, Limits
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
    """The largest value that each bounded metric can have between two finite tensors of a dtype.

    For psnr it is the smallest value: 0 dB for integers (black against white).
    """
    kind = numpy_dtype(dtype)
    shared = {"cosine_distance": 2.0, "mismatched": 1.0}
    if kind.kind == "b":
        return {"max_abs": 1.0, "mean_abs": 1.0, "max_ulp": 1.0, "psnr": 0.0, **shared}
    if kind.kind in "iu":
        info = np.iinfo(kind)
        span = float(int(info.max) - int(info.min))
        return {"max_abs": span, "mean_abs": span, "max_ulp": span, "psnr": 0.0, **shared}
    real = np.dtype(np.float32) if kind.kind == "c" else kind
    top = ml_dtypes.finfo(real).max  # type: ignore[no-untyped-call]
    ordinal = int(np.asarray(top, real).view(f"u{real.itemsize}"))
    # The difference of two complex numbers is a modulus, at most the diagonal of the spans of both parts.
    span = 2.0 * float(top) * (2**0.5 if kind.kind == "c" else 1.0)
    return {"max_abs": span, "mean_abs": span, "max_ulp": 2.0 * ordinal, **shared}


def _cannot_fail(metric: str, limit: float, bounds: Mapping[str, float]) -> bool:
    if metric not in bounds:
        return False
    return limit <= bounds[metric] if metric in AT_LEAST else limit >= bounds[metric]
