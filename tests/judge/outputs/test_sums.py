from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.judge.outputs.sums import UNIT, cosine_distance, decibels, exact, product, quotient, root, scaled

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(FINITE, st.integers(-2146, 2048))
def test_exact_loses_nothing(value: float, exponent: int) -> None:
    assert Fraction(exact(value, exponent), 1 << UNIT) == Fraction(value) * Fraction(2) ** exponent


@given(st.lists(FINITE, min_size=1, max_size=5))
def test_scaled_values_times_the_power_are_the_values(values: list[float]) -> None:
    array, exponent = scaled(np.array(values))
    largest = max(map(abs, values))
    assert largest == 0 or 0.5 <= max(abs(array)) < 1
    # a value 2**1000 times smaller than the largest may lose bits: it cannot matter to a sum
    exactly = [value for value in values if abs(value) > abs(largest) * 2.0**-900]
    back = [
        math.ldexp(float(item), exponent)
        for item, value in zip(array, values, strict=True)
        if value in exactly
    ]
    assert back == exactly


def test_product_over_pieces() -> None:
    x = np.arange(20_001, dtype=np.float64)
    assert product(x, np.ones_like(x)) == 20_000 * 20_001 / 2
    assert product(x[:0], x[:0]) == 0.0


def test_quotient() -> None:
    assert quotient(1, 3) == 1 / 3
    assert quotient(10**400, 1) == math.inf


@pytest.mark.parametrize("power", [-1000, -500, -2, -1, 0, 1, 3, 600, 1000])
def test_root_of_squares_is_exact(power: int) -> None:
    numerator, denominator = (9 << 2 * power, 4) if power >= 0 else (9, 4 << -2 * power)
    assert root(numerator, denominator) == math.ldexp(1.5, power)


def test_root_at_the_ends() -> None:
    assert root(0, 5) == 0.0
    assert root(2, 1) == math.sqrt(2)
    assert root(1 << 2100, 1) == math.inf


def vectors(a: list[float], g: list[float]) -> float:
    """Our distance, of exact sums."""
    pairs = list(zip(map(Fraction, a), map(Fraction, g), strict=True))
    sums = [
        sum(x * x for x, _ in pairs),
        sum(y * y for _, y in pairs),
        sum(x * y for x, y in pairs),
        sum((x - y) ** 2 for x, y in pairs),
        sum((x - y) * y for x, y in pairs),
    ]
    return cosine_distance(*(int(value * (1 << UNIT)) for value in sums))


@pytest.mark.parametrize(
    ("a", "g", "expected"),
    [
        ([1.0, 0.0], [1.0, 0.0], 0.0),
        ([2.0, 0.0], [1.0, 0.0], 0.0),
        ([1e-200, 0.0], [1e200, 0.0], 0.0),
        ([0.0, 1.0], [1.0, 0.0], 1.0),
        ([0.0, 1e-30], [1.0, 0.0], 1.0),
        ([-1.0, 0.0], [1.0, 0.0], 2.0),
        ([-3.0, 0.0], [1.0, 0.0], 2.0),
        ([1.0, 1.0], [1.0, 0.0], 1 - 1 / math.sqrt(2)),
        ([5.0, 5.0], [1.0, 0.0], 1 - 1 / math.sqrt(2)),
        ([0.0, 0.0], [0.0, 0.0], 0.0),
        ([0.0, 0.0], [1.0, 0.0], math.inf),
        ([1.0, 0.0], [0.0, 0.0], math.inf),
    ],
)
def test_cosine_distance(a: list[float], g: list[float], expected: float) -> None:
    assert vectors(a, g) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("angle", [1e-3, 1e-6, 1e-9, 1e-12])
def test_cosine_distance_of_small_angles(angle: float) -> None:
    # 1 - cos x = 2 sin²(x / 2), where 1 - cos x itself has no digit left
    assert vectors([1.0, math.tan(angle)], [1.0, 0.0]) == pytest.approx(
        2 * math.sin(angle / 2) ** 2, rel=1e-9, abs=0
    )


@pytest.mark.parametrize("length", [1.0003, 1.002, 1.003])
def test_cosine_distance_of_a_small_angle_between_unlike_lengths(length: float) -> None:
    # turned by 1e-9: the lengths alone differ by a million times as much
    assert vectors([length, length * 1e-9], [1.0, 0.0]) == pytest.approx(5e-19, rel=1e-2, abs=0)


def test_decibels() -> None:
    # a span of 255 and a mean square of 1: the familiar 48.13 dB of one grey level
    assert decibels(Fraction(255), 7 << UNIT, 7) == pytest.approx(20 * math.log10(255), rel=1e-13)
    assert decibels(Fraction(255), 0, 7) == math.inf
    assert decibels(Fraction(0), 1, 7) == -math.inf
    assert decibels(Fraction(10) ** 300, 1 << UNIT, 1) == pytest.approx(6000.0, rel=1e-13)
