"""The metrics between two tensors of any dtype and size, in one pass over their pieces.

Sums are computed in float64 over blocks that fit in the processor's cache. Values that are not finite but equal
on both sides at the same place are left out. If they differ, every metric of a difference is infinite, so that
it meets no limit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from harness.core.tolerance import AT_LEAST
from harness.judge.outputs.sums import (
    Array,
    cosine_distance,
    decibels,
    exact,
    product,
    quotient,
    root,
    scaled,
)

BLOCK = 32 * 1024
"""Elements per block; the float64 temporaries of a block fit in a second-level cache."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured between two tensors.

    `metrics` has every metric of `harness.core.tolerance.METRICS`; an undefined one is infinite. `bit_equal`
    compares the stored bits, so signed zeros and the payloads of NaNs count. `new_nan` and `new_inf` count the
    elements that became NaN or infinite, `vanished` those that became finite; `first_odd` is the flat index of the
    first of all these.
    """

    metrics: Mapping[str, float]
    elements: int
    bit_equal: bool
    new_nan: int = 0
    new_inf: int = 0
    vanished: int = 0
    first_odd: int | None = None


def measure(golden: Iterable[Array], now: Iterable[Array]) -> Measured:
    """The metrics of `now` against `golden`, both given as arrays of the same dtype, pairwise of equal size.

    max_abs, mean_abs: of |now - golden|, over all elements (complex: the modulus).
    rel_l2: |now - golden|₂ / |golden|₂; infinite if only the golden is all zero.
    cosine_distance: one minus the cosine; infinite if one side is all zero.
    psnr: 20 log10(span / rms difference) in dB, as scikit-image's peak_signal_noise_ratio; the span is the
    dtype's for integers (255 for uint8) and max - min of the golden's finite values for floats.
    max_ulp: the number of representable values between two floats (Bruce Dawson, "Comparing Floating
    Point Numbers", 2012: the bits as an ordered integer); for integers the distance.
    mismatched: the share of unequal elements; 0 and -0 are equal. Complex tensors count as pairs of reals
    in psnr and max_ulp. Raises ValueError if the two sides differ in number or size.
    """
    tally: _Tally | None = None
    with np.errstate(all="ignore"):
        for ours, theirs in zip(golden, now, strict=True):
            tally = tally or _Tally(ours.dtype)
            tally.add(ours.reshape(-1), theirs.reshape(-1))
    return (tally or _Tally(np.dtype(np.float32))).result()


class _Tally:
    """The running totals of one pair of tensors; a complex tensor counts as pairs of reals."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.parts = 2 if dtype.kind == "c" else 1
        # numpy cannot subtract booleans
        self.dtype = (
            np.dtype(np.float32) if self.parts == 2 else np.dtype(np.uint8) if dtype.kind == "b" else dtype
        )
        self.span = Fraction(1) if dtype.kind == "b" else _integer_span(self.dtype)
        self.integer = self.dtype.kind in "iu"
        self.wide = self.dtype == np.float64
        self.bits = np.dtype(f"i{self.dtype.itemsize}")
        self.bit_equal = True
        self.elements = self.unequal = self.left_out = self.ulp = 0
        self.new_nan = self.new_inf = self.vanished = 0
        self.first_odd: int | None = None
        self.overflowed = False
        self.largest = 0.0
        self.low, self.high = math.inf, -math.inf
        self.aa = self.gg = self.ag = self.dd = self.dg = self.absolute = 0
        self._buffers = np.empty((3, BLOCK))

    def add(self, golden: Array, now: Array) -> None:
        if golden.dtype != now.dtype or golden.size != now.size:
            raise ValueError(f"pieces differ: {golden.dtype} [{golden.size}] and {now.dtype} [{now.size}]")
        golden, now = (np.ascontiguousarray(side).view(self.dtype) for side in (golden, now))
        for start in range(0, golden.size, BLOCK):
            self._add_block(golden[start : start + BLOCK], now[start : start + BLOCK])

    def result(self) -> Measured:
        parts = self.elements * self.parts - self.left_out
        span = self.span if self.integer else _span(self.low, self.high)
        metrics = {
            "max_abs": self.largest,
            "mean_abs": quotient(self.absolute, exact(parts / self.parts)) if parts else 0.0,
            "rel_l2": _relative(self.dd, self.gg),
            "cosine_distance": cosine_distance(self.aa, self.gg, self.ag, self.dd, self.dg),
            "psnr": decibels(span, self.dd, parts),
            "max_ulp": quotient(self.ulp, 1),
        }
        if self.overflowed or self.new_nan or self.new_inf or self.vanished:
            metrics = {name: -math.inf if name in AT_LEAST else math.inf for name in metrics}
        metrics["mismatched"] = self.unequal / self.elements if self.elements else 0.0
        counts = (self.new_nan, self.new_inf, self.vanished, self.first_odd)
        return Measured(metrics, self.elements, self.bit_equal, *counts)

    def _add_block(self, golden: Array, now: Array) -> None:
        same = np.array_equal(golden.view(self.bits), now.view(self.bits))
        self.bit_equal &= same
        g = self._as_float64(golden, 0)
        a = g if same else self._as_float64(now, 1)
        unequal = golden != now if self.integer else g != a
        # zero times infinity is NaN, so a single value that is not finite, on either side, shows in the product
        if not self.integer and not math.isfinite(product(g, a)):
            kept = self._set_aside(g, a, unequal)
            g, a = np.where(kept, g, 0.0), np.where(kept, a, 0.0)
            zero = np.zeros((), self.dtype)
            golden, now = np.where(kept, golden, zero), np.where(kept, now, zero)
        elif not self.integer:
            self._widen(g)
        self.elements += golden.size // self.parts
        if same:
            self._add_equal(g)
            return
        self.unequal += self._count(unequal)
        self._add_ulp(golden, now)
        self._add_different(g, a, self._difference(golden, now, g, a))

    def _as_float64(self, values: Array, slot: int) -> Array:
        if self.wide:
            return values
        target = self._buffers[slot, : values.size]
        np.copyto(target, values, casting="unsafe")
        return target

    def _set_aside(self, g: Array, a: Array, unequal: Array) -> Array:
        """Count the values that are not finite, clear equal ones from `unequal`; return where both are finite."""
        finite_g, finite_a = np.isfinite(g), np.isfinite(a)
        self._widen(g[finite_g])
        both = finite_g & finite_a
        equal = ~finite_g & ~finite_a & ((g == a) | (np.isnan(g) & np.isnan(a)))
        unequal &= ~equal
        self.left_out += int(np.count_nonzero(equal))
        self.new_nan += self._count(np.isnan(a) & ~equal)
        self.new_inf += self._count(np.isinf(a) & ~equal)
        self.vanished += self._count(finite_a & ~finite_g)
        odd = self._per_element(~both & ~equal)
        if self.first_odd is None and odd.any():
            self.first_odd = self.elements + int(odd.argmax())
        return both

    def _count(self, flags: Array) -> int:
        return int(np.count_nonzero(self._per_element(flags)))

    def _widen(self, g: Array) -> None:
        if g.size:
            self.low, self.high = min(self.low, float(g.min())), max(self.high, float(g.max()))

    def _per_element(self, flags: Array) -> Array:
        return flags[0::2] | flags[1::2] if self.parts == 2 else flags

    def _scaled(self, values: Array) -> tuple[Array, int]:
        return scaled(values) if self.wide else (values, 0)

    def _add_equal(self, g: Array) -> None:
        g, shift = self._scaled(g)
        square = exact(product(g, g), 2 * shift)
        self.gg += square
        self.aa += square
        self.ag += square

    def _add_ulp(self, golden: Array, now: Array) -> None:
        if not self.integer:
            golden, now = _ordered(golden.view(self.bits)), _ordered(now.view(self.bits))
        self.ulp = max(self.ulp, int(_distance(golden, now).max()))

    def _difference(self, golden: Array, now: Array, g: Array, a: Array) -> Array:
        """The float64 of now - golden; integers are subtracted first, as float64 cannot represent all large ones."""
        d = self._buffers[2, : g.size]
        if not self.integer:
            return np.subtract(a, g, out=d)
        np.copyto(d, _distance(golden, now), casting="unsafe")
        return np.negative(d, out=d, where=now < golden)

    def _add_different(self, g: Array, a: Array, d: Array) -> None:
        if self.wide and not np.isfinite(d).all():
            self.overflowed = True
            return
        (g, at_g), (a, at_a), (d, at_d) = self._scaled(g), self._scaled(a), self._scaled(d)
        self.gg += exact(product(g, g), 2 * at_g)
        self.aa += exact(product(a, a), 2 * at_a)
        self.ag += exact(product(a, g), at_a + at_g)
        self.dd += exact(product(d, d), 2 * at_d)
        self.dg += exact(product(d, g), at_d + at_g)
        absolute = np.hypot(d[0::2], d[1::2]) if self.parts == 2 else np.abs(d, out=d)
        self.absolute += exact(float(absolute.sum()), at_d)
        self.largest = max(self.largest, math.ldexp(float(absolute.max()), at_d))


def _integer_span(dtype: np.dtype[Any]) -> Fraction:
    if dtype.kind not in "iu":
        return Fraction(0)
    info = np.iinfo(dtype)
    return Fraction(int(info.max) - int(info.min))


def _span(low: float, high: float) -> Fraction:
    return Fraction(high) - Fraction(low) if low <= high else Fraction(0)


def _relative(dd: int, gg: int) -> float:
    if not dd:
        return 0.0
    return root(dd, gg) if gg else math.inf


def _ordered(bits: Array) -> Array:
    """Integers in the order of the floats with these `bits` (signed integers of the same size); -0 and 0 give 0."""
    sign = bits >> (8 * bits.itemsize - 1)
    key = bits & np.iinfo(bits.dtype).max
    key ^= sign
    key -= sign
    return key


def _distance(ours: Array, theirs: Array) -> Array:
    """|theirs - ours| of integers, unsigned; the subtraction may wrap, but its bits are still right."""
    larger = np.maximum(ours, theirs)
    larger -= np.minimum(ours, theirs)
    return larger.view(np.dtype(f"u{larger.itemsize}"))
