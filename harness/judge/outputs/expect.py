"""Check a capture against the figures that a case expects, such as a published sum; no golden is needed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from harness.core.capture import OUTPUT_PREFIX
from harness.core.case import Case, Expectation
from harness.core.results.reasons import (
    ExpectationOfComplex,
    ExpectationOfNothing,
    ExpectationUnmet,
    Reason,
    reading,
)
from harness.core.results.verdict import Verdict
from harness.golden.tensors import TensorFile
from harness.judge.outputs.sums import Array

STATISTICS = ("abs_sum", "sum", "mean", "std", "min", "max")


@dataclass(frozen=True, slots=True)
class ExpectationResult:
    """One judged expectation: `within` or `drifted`; `broken` if there is no finite `value`."""

    expectation: Expectation
    value: float | None
    verdict: Verdict
    reason: Reason | None = None


def check_expectations(case: Case, capture: TensorFile) -> tuple[ExpectationResult, ...]:
    """Judge every expectation of `case` against the outputs of `capture`.

    Raises UnreadableGolden if the capture is damaged.
    """
    return tuple(_check(expectation, capture) for expectation in case.expect)


def statistic(name: str, pieces: Iterable[Array]) -> float:
    """A statistic of a tensor given in pieces, in float64; `std` is that of the population (numpy's default).

    NaN for the mean, std, min and max of no elements. Raises ValueError for an unknown name.
    """
    if name not in STATISTICS:
        raise ValueError(f"{name}: unknown statistic; accepted: {', '.join(STATISTICS)}")
    with np.errstate(all="ignore"):
        moments = _Moments()
        for piece in pieces:
            if piece.size:
                moments.add(piece)
        return moments.statistic(name)


def _check(expectation: Expectation, capture: TensorFile) -> ExpectationResult:
    place = expectation.output, expectation.statistic
    info = capture.tensors.get(OUTPUT_PREFIX + expectation.output)
    if info is None or OUTPUT_PREFIX + expectation.output in capture.document.text:
        numeric = capture.tensors.keys() - set(capture.document.text)
        there = tuple(sorted(name.removeprefix(OUTPUT_PREFIX) for name in numeric))
        return _broken(expectation, ExpectationOfNothing(*place, there))
    if info.dtype == "complex64" and expectation.statistic != "abs_sum":
        return _broken(expectation, ExpectationOfComplex(*place))
    value = statistic(expectation.statistic, capture.arrays(info.name))
    found = reading(expectation.statistic, value)
    unmet = ExpectationUnmet(*place, found, expectation.value, expectation.abs_tol)
    if not math.isfinite(value):
        return _broken(expectation, unmet)
    if abs(value - expectation.value) <= expectation.abs_tol:
        return ExpectationResult(expectation, value, Verdict.WITHIN)
    return ExpectationResult(expectation, value, Verdict.DRIFTED, unmet)


def _broken(expectation: Expectation, reason: Reason) -> ExpectationResult:
    return ExpectationResult(expectation, None, Verdict.BROKEN, reason)


class _Moments:
    """Running sums, extremes, and the squared deviations merged as by Chan, Golub and LeVeque (1979)."""

    def __init__(self) -> None:
        self.count, self.total, self.absolute, self.squares = 0, 0.0, 0.0, 0.0
        self.low, self.high = math.inf, -math.inf

    def add(self, piece: Array) -> None:
        if piece.dtype.kind == "c":
            self.absolute += float(np.abs(piece.astype(np.complex128)).sum())
            return
        values = piece.astype(np.float64)
        total, mean = float(values.sum()), float(values.mean())
        if self.count:
            gap = mean - self.total / self.count
            self.squares += gap * gap * self.count * values.size / (self.count + values.size)
        self.squares += float(np.square(values - mean).sum())
        self.count += values.size
        self.total += total
        self.absolute += float(np.abs(values).sum())
        # numpy's minimum propagates NaN, Python's min does not
        self.low = float(np.minimum(self.low, values.min()))
        self.high = float(np.maximum(self.high, values.max()))

    def statistic(self, name: str) -> float:
        if name in ("abs_sum", "sum"):
            return self.absolute if name == "abs_sum" else self.total
        if not self.count:
            return math.nan
        mean = self.total / self.count
        return {"mean": mean, "std": math.sqrt(self.squares / self.count), "min": self.low, "max": self.high}[
            name
        ]
