"""Whether a capture is fit to be a golden: reports outputs in which a change could not show."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from harness.core.capture import OUTPUT_PREFIX
from harness.core.results.measure_reasons import OutputJudgesNothing
from harness.golden.tensors import TensorFile
from harness.judge.outputs.sums import Array

FEWEST = 16
"""Outputs with fewer values, such as flags and scores, may legitimately be constant."""

SATURATED = 0.99
"""An output counts as saturated if at least this share of its values equals the lowest or highest one."""

_DTYPES = ("float", "bfloat", "complex", "uint8")


@dataclass(frozen=True, slots=True)
class OutputChecks:
    """Why there can be no golden; and what weakens one, in sentences that start with an output's name."""

    refusals: tuple[OutputJudgesNothing, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _End:
    """The lowest or highest value, and how often it occurs."""

    value: float
    count: int = 0

    def merged(self, other: _End, outermost: float) -> _End:
        """The end at `outermost`; if both ends are there, their counts are added."""
        return _End(outermost, sum(one.count for one in (self, other) if one.value == outermost))


@dataclass(slots=True)
class _Values:
    """How many values there are, how many are finite, and the two ends of the finite ones."""

    count: int = 0
    finite: int = 0
    low: _End = _End(math.inf)
    high: _End = _End(-math.inf)

    def add(self, piece: Array) -> None:
        # Complex numbers count by magnitude; numpy cannot compare float8 kinds.
        numbers = np.abs(piece) if piece.dtype.kind == "c" else piece.astype(np.float64)
        finite = numbers[np.isfinite(numbers)]
        self.count += numbers.size
        self.finite += finite.size
        if finite.size:
            low, high = float(finite.min()), float(finite.max())
            self.low = self.low.merged(_End(low, int((finite == low).sum())), min(self.low.value, low))
            self.high = self.high.merged(_End(high, int((finite == high).sum())), max(self.high.value, high))


def check_outputs(capture: TensorFile) -> OutputChecks:
    """Check every numeric output of `capture`; raises UnreadableGolden if it is damaged."""
    refusals, warnings = list[OutputJudgesNothing](), list[str]()
    for name, info in capture.tensors.items():
        if not name.startswith(OUTPUT_PREFIX) or name in capture.document.text:
            continue
        if info.dtype.startswith(_DTYPES):
            values = _counted(capture.arrays(name))
            output = name.removeprefix(OUTPUT_PREFIX)
            if values.count and not values.finite:
                refusals.append(OutputJudgesNothing(output, values.count))
            else:
                warnings += [f"{output}: {weakness}" for weakness in _weaknesses(values)]
    return OutputChecks(tuple(refusals), tuple(warnings))


def _counted(pieces: Iterable[Array]) -> _Values:
    values = _Values()
    for piece in pieces:
        values.add(piece)
    return values


def _weaknesses(values: _Values) -> Iterator[str]:
    if values.finite < values.count:
        yield f"{values.count - values.finite:,} of {values.count:,} values are NaN or Inf"
    if values.finite < FEWEST:
        return
    low, high = values.low, values.high
    if low.value == high.value:
        yield f"constant, every finite value is {low.value:g}; a change may not show"
    elif low.count + high.count >= SATURATED * values.finite:
        share = f"{100 * (low.count + high.count) / values.finite:.3g} % of the values"
        yield f"saturated, {share} are {low.value:g} or {high.value:g}; a change may not show"
