"""Lower bounds for the limits of a calibration: rounding, by the dtype and size of what is judged."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from harness.core.capture import OUTPUT_PREFIX
from harness.core.measured.limits import Envelope
from harness.golden.tensors import TensorFile, numpy_dtype
from harness.golden.trace import Trace
from harness.judge.traces.boundaries import NETWORK_EPS, OTHER_LIMIT, PIPELINE_CODE, boundary_limit, epsilon
from harness.judge.traces.exact import Way, component_events

FLOOR_EPS = 8.0
"""The lower bound of an output's limit in units of the dtype's epsilon: rounding in the last few
operations."""

INTEGER_SHARE = 0.01
"""The share of an output's integers that rounding may move by one."""

NETWORK_FLOOR_EPS = 32.0
"""In units of the dtype's epsilon, 3.8e-6 in float32. Kernels choose the order of a network's sums, and
few families cover it: torch's group norm sums a channels_last tensor sequentially, which moved
a VAE's output by 27 epsilons (3.2e-6), while no other family reached 10."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How large the finite values of an output are: `peak` the largest magnitude, `rms` the root mean square."""

    dtype: str
    peak: float
    rms: float

    @property
    def eps(self) -> float:
        """The distance from 1 to the next number of the dtype; 0 for integers."""
        return epsilon(self.dtype)


def scales(base: TensorFile) -> Mapping[str, Scale]:
    """The scale of every numeric output, by its name."""
    found = {}
    for name in (one for one in base.tensors if one.startswith(OUTPUT_PREFIX)):
        if name in base.document.text:
            continue
        pieces = [np.abs(piece).astype(np.float64) for piece in base.arrays(name)]
        values = np.concatenate(pieces) if pieces else np.zeros(0)
        values = values[np.isfinite(values)]
        peak = float(values.max()) if values.size else 0.0
        rms = float(np.sqrt(np.square(values).mean())) if values.size else 0.0
        found[name.removeprefix(OUTPUT_PREFIX)] = Scale(base.tensors[name].dtype, peak, rms)
    return found


def floors(scales: Mapping[str, Scale]) -> Envelope:
    """The lower bounds of each output's limits.

    Floats: FLOOR_EPS epsilons (for max_abs, of the peak). 8-bit images: one level in INTEGER_SHARE of
    the elements. Other integers must be equal.
    """
    return {output: _floor(scale) for output, scale in scales.items()}


def boundary_floors(base: Trace) -> Mapping[str, float]:
    """The lower bound of each boundary's limit, by the names that `judge_boundaries` gives.

    Network outputs: NETWORK_FLOOR_EPS epsilons. In half precision, where rounding a single value costs an
    epsilon: the limit that holds without calibration. Everything else: OTHER_LIMIT.
    """
    floors: dict[str, float] = {}
    ways: tuple[tuple[Way, str], ...] = (("in", PIPELINE_CODE), ("out", ""))
    for event in component_events(base):
        for way, mark in ways:
            name, usual = f"{mark}{event.name}", boundary_limit(base, event, way)
            is_half = any(
                numpy_dtype(slot.dtype).itemsize <= 2 and epsilon(slot.dtype) for slot, _ in event.slots()
            )
            floor = usual if is_half else min(usual, usual * NETWORK_FLOOR_EPS / NETWORK_EPS)
            floors[name] = max(OTHER_LIMIT, floor, floors.get(name, 0.0))
    return floors


def _floor(scale: Scale) -> Mapping[str, float]:
    if scale.eps:
        return {"max_abs": FLOOR_EPS * scale.eps * scale.peak, "rel_l2": FLOOR_EPS * scale.eps}
    if scale.dtype != "uint8":
        return {"max_abs": 0.0}
    return {"max_abs": 1.0, "rel_l2": math.sqrt(INTEGER_SHARE) / scale.rms if scale.rms else 0.0}
