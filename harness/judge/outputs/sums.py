"""Sums of float64 products that neither overflow nor underflow, with their ratios and roots."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

# Totals are whole numbers of 2**-UNIT. The smallest float64 is 2**-1074, and exponents that result from
# scaling by it are at least twice -1073, so nothing falls below one unit.
UNIT = 3300


# OpenBLAS starts threads above 10,000 elements (kernel/x86_64/ddot.c), which spin and stall on busy cores.
_PRODUCT_PIECE = 8192


def product(x: Array, y: Array) -> float:
    """The inner product of two float64 vectors."""
    starts = range(0, x.size, _PRODUCT_PIECE)
    return sum(float(x[i : i + _PRODUCT_PIECE].dot(y[i : i + _PRODUCT_PIECE])) for i in starts)


def exact(value: float, exponent: int = 0) -> int:
    """The finite `value * 2**exponent` as an integer number of units."""
    numerator, denominator = value.as_integer_ratio()
    return numerator << (UNIT + exponent + 1 - denominator.bit_length())


def scaled(values: Array) -> tuple[Array, int]:
    """Finite float64 `values` over 2**exponent, with the largest in [0.5, 1), and that exponent."""
    largest = max(float(values.max()), -float(values.min()))
    exponent = math.frexp(largest)[1]
    return np.ldexp(values, -exponent), exponent


def quotient(numerator: int, denominator: int) -> float:
    """`numerator / denominator`, correctly rounded; infinite beyond float64's range."""
    try:
        return numerator / denominator
    except OverflowError:
        return math.inf


def root(numerator: int, denominator: int) -> float:
    """The square root of `numerator / denominator`; infinite if that exceeds float64's range."""
    half = (numerator.bit_length() - denominator.bit_length()) // 2
    # take out a power of four, so that the ratio stays near one whatever the root
    ratio = numerator / (denominator << 2 * half) if half >= 0 else (numerator << -2 * half) / denominator
    try:
        return math.ldexp(math.sqrt(ratio), half)
    except OverflowError:
        return math.inf


def cosine_distance(aa: int, gg: int, ag: int, dd: int, dg: int) -> float:
    """One minus the cosine between a and g, from the sums of their products, with d = a - g.

    For vectors of similar length by (|d|² - (|a| - |g|)²) / (2 |a| |g|), which does not cancel when they
    are nearly parallel; |a| - |g| comes from |a|² - |g|² = d·d + 2 d·g. Infinite if one of them is zero.
    """
    if not aa or not gg:
        return 0.0 if aa == gg else math.inf
    longer = max(aa, gg)
    if 4 * min(aa, gg) < longer:
        cosine = root(ag * ag, aa * gg)
        return min(max(1.0 - cosine if ag > 0 else 1.0 + cosine, 0.0), 2.0)
    a, g = root(aa, longer), root(gg, longer)
    difference = quotient(dd + 2 * dg, longer) / (a + g)
    return min(max((quotient(dd, longer) - difference**2) / (2 * a * g), 0.0), 2.0)


def decibels(span: Fraction, dd: int, count: int) -> float:
    """10 log10(span² / (dd / count)); infinite if dd is zero, minus infinite if only the span is."""
    if not dd:
        return math.inf
    if not span:
        return -math.inf
    ratio = span * span * count * Fraction(1 << UNIT, dd)
    # the logarithm of an integer of any size is exact enough; the ratio may exceed float64
    return 10.0 * (math.log10(ratio.numerator) - math.log10(ratio.denominator))
