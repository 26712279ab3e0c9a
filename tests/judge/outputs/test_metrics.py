from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from harness.core.tolerance import METRICS
from harness.judge.outputs import metrics as module
from harness.judge.outputs.metrics import Measured, measure
from tests.golden.builders import DTYPES

FLOATS = [name for name in DTYPES if "float" in name]
INTEGERS = [name for name in DTYPES if "int" in name]
NAN, INF = math.nan, math.inf


def measured(golden: Any, now: Any, dtype: Any = np.float32) -> Measured:
    return measure([np.asarray(golden, dtype)], [np.asarray(now, dtype)])


def test_hand_computed_float32() -> None:
    result = measured([3.0, 4.0, 0.0, 0.0], [3.0, 4.0, 0.5, -1.0])
    assert result.metrics == pytest.approx(
        {
            "max_abs": 1.0,
            "mean_abs": 0.375,
            "rel_l2": math.sqrt(1.25) / 5,
            # the dot product is 25, the lengths 5 and sqrt(26.25)
            "cosine_distance": 1 - 5 / math.sqrt(26.25),
            # a span of 4 and a mean square of 1.25 / 4
            "psnr": 10 * math.log10(16 / 0.3125),
            # 1.0 has the bits 0x3f800000, which is its place above zero
            "max_ulp": 0x3F800000,
            "mismatched": 0.5,
        },
        rel=1e-14,
    )
    assert tuple(result.metrics) == METRICS
    assert (result.elements, result.bit_equal) == (4, False)


def test_hand_computed_uint8() -> None:
    result = measured([0, 255, 10, 10], [255, 0, 10, 13], np.uint8)
    assert result.metrics == pytest.approx(
        {
            "max_abs": 255.0,
            "mean_abs": 513 / 4,
            "rel_l2": math.sqrt((2 * 255**2 + 9) / (255**2 + 200)),
            "cosine_distance": 1 - 230 / math.sqrt((255**2 + 200) * (255**2 + 269)),
            "psnr": 10 * math.log10(255**2 / ((2 * 255**2 + 9) / 4)),
            "max_ulp": 255.0,
            "mismatched": 0.75,
        },
        rel=1e-12,
    )


def test_hand_computed_bool() -> None:
    result = measured([True, False, False, True], [True, True, False, False], np.bool_)
    assert result.metrics["max_abs"] == result.metrics["max_ulp"] == 1.0
    assert result.metrics["mean_abs"] == result.metrics["mismatched"] == 0.5
    assert result.metrics["rel_l2"] == 1.0
    assert result.metrics["psnr"] == pytest.approx(10 * math.log10(1 / 0.5))


def test_hand_computed_complex64() -> None:
    result = measured([3 + 4j, 1 + 0j, 0j], [0j, 1 + 0j, 0j], np.complex64)
    assert result.metrics["max_abs"] == 5.0
    assert result.metrics["mean_abs"] == pytest.approx(5 / 3)
    assert result.metrics["rel_l2"] == pytest.approx(5 / math.sqrt(26))
    assert result.metrics["mismatched"] == pytest.approx(1 / 3)
    # 4.0 is 0x40800000; as six reals the span is 4 and the mean square 25 / 6
    assert result.metrics["max_ulp"] == 0x40800000
    assert result.metrics["psnr"] == pytest.approx(10 * math.log10(16 / (25 / 6)))
    assert result.elements == 3


@pytest.mark.parametrize("dtype", DTYPES)
def test_identical_gives_zeros(dtype: str) -> None:
    values = np.array([0, 1, 1, 0, 1], DTYPES[dtype])
    result = measure([values], [values.copy()])
    zeros = dict.fromkeys(METRICS, 0.0) | {"psnr": INF}
    assert result == Measured(zeros, 5, bit_equal=True)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_bit_of_every_dtype_counts(dtype: str) -> None:
    kind = np.dtype(DTYPES[dtype])
    one = 1 + 1j if kind.kind == "c" else 1
    golden = np.array([0, one, one], kind)
    for bit in range(1 if dtype == "bool" else 8 * kind.itemsize):
        raw = bytearray(golden.tobytes())
        raw[kind.itemsize + bit // 8] ^= 1 << bit % 8
        now = np.frombuffer(raw, kind)
        result = measure([golden], [now])
        assert not result.bit_equal
        assert result.metrics["mismatched"] == pytest.approx(1 / 3)
        assert result.metrics["max_ulp"] > 0
        assert result.metrics["max_abs"] > 0


@pytest.mark.parametrize("dtype", [name for name in FLOATS if name not in ("complex64",)])
def test_ulp_counts_the_steps_of_nextafter(dtype: str) -> None:
    kind = DTYPES[dtype]
    value, steps = np.array(0.5, kind), [np.array(0.5, kind)]
    for _ in range(6):
        value = np.nextafter(value, np.array(-1, kind))
        steps.append(value)
    assert measure([steps[0].reshape(1)], [steps[6].reshape(1)]).metrics["max_ulp"] == 6
    assert measure([steps[6].reshape(1)], [steps[4].reshape(1)]).metrics["max_ulp"] == 2


@pytest.mark.parametrize("dtype", [name for name in FLOATS if name not in ("complex64",)])
def test_ulp_across_zero(dtype: str) -> None:
    kind = DTYPES[dtype]
    zero, one = np.zeros(1, kind), np.ones(1, kind)
    smallest = np.nextafter(zero, one)
    # from the smallest negative number to the smallest positive one it is two steps, zero lies between
    assert measure([-smallest], [smallest]).metrics["max_ulp"] == 2
    assert measure([zero], [smallest]).metrics["max_ulp"] == 1
    assert measure([zero], [-smallest]).metrics["max_ulp"] == 1


def test_ulp_between_the_ends_does_not_wrap() -> None:
    largest = float(np.finfo(np.float32).max)
    # 0x7f7fffff is the place of the largest float32 above zero
    assert measured([-largest], [largest]).metrics["max_ulp"] == 2 * 0x7F7FFFFF
    largest = float(np.finfo(np.float64).max)
    assert measured([-largest], [largest], np.float64).bit_equal is False


def test_signed_zeros_are_equal_by_value_not_by_bits() -> None:
    for dtype in (np.float32, np.float64, np.float16, ml_dtypes.bfloat16):
        result = measured([0.0, 1.0], [-0.0, 1.0], dtype)
        assert result.metrics == dict.fromkeys(METRICS, 0.0) | {"psnr": INF}
        assert result.bit_equal is False


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers_at_the_ends(dtype: str) -> None:
    info = np.iinfo(DTYPES[dtype])
    low, high = int(info.min), int(info.max)
    result = measured([low, high], [high, low], DTYPES[dtype])
    assert result.metrics["max_abs"] == result.metrics["max_ulp"] == float(high - low)
    assert result.metrics["mean_abs"] == float(high - low)
    assert result.metrics["rel_l2"] == pytest.approx(
        math.sqrt(2 * (high - low) ** 2 / (low**2 + high**2)), rel=1e-12
    )
    # every element is off by the whole span
    assert result.metrics["psnr"] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("dtype", ["int64", "uint64"])
def test_large_integers_keep_their_last_digit(dtype: str) -> None:
    value = 2**62 + 2**53
    result = measured([value, 5], [value + 1, 5], DTYPES[dtype])
    assert result.metrics["max_abs"] == result.metrics["max_ulp"] == 1.0
    assert result.metrics["mean_abs"] == 0.5
    assert result.metrics["rel_l2"] == pytest.approx(1 / value, abs=0)
    assert measured([value + 1, 5], [value, 5], DTYPES[dtype]).metrics["max_abs"] == 1.0


def test_nan_at_the_same_place_is_equal_and_left_out() -> None:
    result = measured([1.0, NAN, 2.0, INF, -INF], [1.5, NAN, 2.0, INF, -INF])
    assert (result.new_nan, result.new_inf, result.vanished, result.first_odd) == (0, 0, 0, None)
    assert result.metrics["max_abs"] == 0.5
    assert result.metrics["mean_abs"] == 0.25  # over two elements
    assert result.metrics["rel_l2"] == pytest.approx(0.5 / math.sqrt(5))
    assert result.metrics["mismatched"] == pytest.approx(1 / 5)
    assert result.metrics["psnr"] == pytest.approx(10 * math.log10(1 / 0.125))


def test_payload_of_nan_is_a_difference_of_bits_alone() -> None:
    golden = np.array([0x7FC00000, 0x3F800000], np.uint32).view(np.float32)
    now = np.array([0x7FC00001, 0x3F800000], np.uint32).view(np.float32)
    result = measure([golden], [now])
    assert result.bit_equal is False
    assert result.metrics == dict.fromkeys(METRICS, 0.0) | {"psnr": INF}


@pytest.mark.parametrize(
    ("golden", "now", "counts"),
    [
        (1.0, NAN, (1, 0, 0)),
        (1.0, INF, (0, 1, 0)),
        (1.0, -INF, (0, 1, 0)),
        (NAN, 1.0, (0, 0, 1)),
        (INF, 1.0, (0, 0, 1)),
        (NAN, INF, (0, 1, 0)),
        (INF, NAN, (1, 0, 0)),
        (INF, -INF, (0, 1, 0)),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16", "complex64", "float8_e5m2"])
def test_values_that_are_finite_on_one_side(
    golden: float, now: float, counts: tuple[int, int, int], dtype: str
) -> None:
    result = measured([0.0, 2.0, golden, 3.0], [0.0, 2.0, now, 3.0], DTYPES[dtype])
    assert (result.new_nan, result.new_inf, result.vanished) == counts
    assert result.first_odd == 2
    assert result.metrics["mismatched"] == 0.25
    assert {
        name: result.metrics[name] for name in METRICS if name not in ("psnr", "mismatched")
    } == dict.fromkeys(("max_abs", "mean_abs", "rel_l2", "cosine_distance", "max_ulp"), INF)
    assert result.metrics["psnr"] == -INF


def test_first_odd_in_a_later_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 4)
    golden, now = np.zeros(11, np.float32), np.zeros(11, np.float32)
    now[9] = NAN
    assert measure([golden[:5], golden[5:]], [now[:5], now[5:]]).first_odd == 9


def test_float8_without_infinity() -> None:
    result = measured([1.0, 1.0], [1.0, NAN], ml_dtypes.float8_e4m3fn)
    assert (result.new_nan, result.first_odd) == (1, 1)


def test_an_all_zero_golden_has_no_rel_l2() -> None:
    result = measured([0.0, 0.0], [0.0, 1.0])
    assert result.metrics["rel_l2"] == result.metrics["cosine_distance"] == INF
    assert result.metrics["psnr"] == -INF
    assert result.metrics["max_abs"] == 1.0


def test_an_all_zero_run() -> None:
    result = measured([0.0, 2.0], [0.0, 0.0])
    assert result.metrics["rel_l2"] == 1.0
    assert result.metrics["cosine_distance"] == INF


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1.0, 1e160, 1e300])
def test_float64_neither_overflows_nor_underflows(scale: float) -> None:
    result = measured([3 * scale, 4 * scale], [3 * scale, 4.5 * scale], np.float64)
    assert result.metrics["rel_l2"] == pytest.approx(0.1, rel=1e-12)
    assert result.metrics["max_abs"] == pytest.approx(0.5 * scale, rel=1e-12, abs=0)
    assert result.metrics["mean_abs"] == pytest.approx(0.25 * scale, rel=1e-12, abs=0)
    # the dot product is 9 + 18, the lengths 5 and sqrt(29.25)
    assert result.metrics["cosine_distance"] == pytest.approx(1 - 27 / (5 * math.sqrt(29.25)), rel=1e-9)
    assert result.metrics["psnr"] == pytest.approx(10 * math.log10(1 / 0.125), rel=1e-9)


def test_the_smallest_float64_is_a_difference() -> None:
    result = measured([1e-320, 2e-320], [1e-320, 1e-320], np.float64)
    assert result.metrics["rel_l2"] == pytest.approx(1 / math.sqrt(5), rel=1e-3)


def test_a_difference_beyond_float64_is_infinite() -> None:
    result = measured([-1.7e308, 1.0], [1.7e308, 1.0], np.float64)
    assert all(result.metrics[name] == INF for name in ("max_abs", "mean_abs", "rel_l2", "max_ulp"))
    assert result.metrics["psnr"] == -INF
    assert result.first_odd is None


@pytest.mark.parametrize("dtype", DTYPES)
def test_empty_and_0d(dtype: str) -> None:
    empty = np.ones((0, 3), DTYPES[dtype])
    nothing = measure([empty], [empty])
    assert nothing == Measured(dict.fromkeys(METRICS, 0.0) | {"psnr": INF}, 0, bit_equal=True)
    assert measure([], []) == nothing
    one = measure([np.array(1, DTYPES[dtype])], [np.array(0, DTYPES[dtype])])
    assert (one.elements, one.metrics["max_abs"], one.metrics["mismatched"]) == (1, 1.0, 1.0)


def test_pieces_must_fit() -> None:
    ones = np.ones(3, np.float32)
    with pytest.raises(ValueError, match="pieces differ"):
        measure([ones], [ones[:2]])
    with pytest.raises(ValueError, match="pieces differ"):
        measure([ones], [ones.astype(np.float64)])
    with pytest.raises(ValueError, match="shorter"):
        measure([ones, ones], [ones])


FINITE32 = st.floats(width=32, allow_nan=False, allow_infinity=False)
ANY32 = st.floats(width=32)


def pairs(elements: st.SearchStrategy[float]) -> st.SearchStrategy[tuple[np.ndarray, np.ndarray]]:
    shapes = st.integers(0, 40)
    return shapes.flatmap(
        lambda size: st.tuples(*(arrays_of.arrays(np.float32, size, elements=elements) for _ in range(2)))
    )


@given(arrays_of.arrays(np.float32, st.integers(0, 40), elements=ANY32))
def test_a_tensor_is_equal_to_itself(values: np.ndarray) -> None:
    result = measure([values], [values.copy()])
    assert result.metrics == dict.fromkeys(METRICS, 0.0) | {"psnr": INF}
    assert result.bit_equal


@given(pairs(FINITE32))
def test_distances_are_symmetric(pair: tuple[np.ndarray, np.ndarray]) -> None:
    one, two = (measure([a], [b]).metrics for a, b in (pair, pair[::-1]))
    for name in ("max_abs", "mean_abs", "max_ulp", "mismatched"):
        assert one[name] == two[name]
    assert one["cosine_distance"] == pytest.approx(two["cosine_distance"], rel=1e-6, abs=1e-12)


def cut(values: np.ndarray, places: Sequence[int]) -> list[np.ndarray]:
    return np.split(values, sorted(place % (values.size + 1) for place in places))


@settings(max_examples=150)
@given(pairs(ANY32), st.lists(st.integers(0, 100), max_size=4), st.sampled_from([2, 4, 6, 32 * 1024]))
def test_cutting_changes_nothing(pair: tuple[np.ndarray, np.ndarray], places: list[int], block: int) -> None:
    golden, now = pair
    whole = measure([golden], [now])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK", block)
        parts = measure(cut(golden, places), cut(now, places))
    assert parts.metrics == pytest.approx(whole.metrics, rel=1e-9, abs=1e-12)
    assert (parts.bit_equal, parts.first_odd) == (whole.bit_equal, whole.first_odd)
    assert (parts.new_nan, parts.new_inf, parts.vanished) == (whole.new_nan, whole.new_inf, whole.vanished)


@pytest.mark.parametrize(
    "dtype", ["float16", "bfloat16", "float32", "float8_e4m3fn", "int32", "uint8", "complex64"]
)
def test_against_numpy_on_many_elements(dtype: str) -> None:
    random = np.random.default_rng(0)
    values = random.standard_normal(100_003) * 20 + 60
    golden, now = (
        values.astype(DTYPES[dtype]),
        (values + random.standard_normal(values.size)).astype(DTYPES[dtype]),
    )
    wide = np.complex128 if dtype == "complex64" else np.float64
    g, a = golden.astype(wide), now.astype(wide)
    metrics = measure([golden[:50_001], golden[50_001:]], [now[:50_001], now[50_001:]]).metrics
    assert metrics["max_abs"] == pytest.approx(abs(a - g).max())
    assert metrics["mean_abs"] == pytest.approx(abs(a - g).mean())
    assert metrics["rel_l2"] == pytest.approx(np.linalg.norm(a - g) / np.linalg.norm(g))
    cosine = np.vdot(a, g).real / (np.linalg.norm(a) * np.linalg.norm(g))
    assert metrics["cosine_distance"] == pytest.approx(1 - cosine, rel=1e-6)
    assert metrics["mismatched"] == (golden != now).mean()


def test_psnr_of_floats_takes_the_finite_span_of_the_golden() -> None:
    golden, now = [NAN, -1.0, 3.0, INF, 0.0], [NAN, -1.0, 3.0, INF, 0.1]
    expected = 10 * math.log10(16 / (float(np.float32(0.1)) ** 2 / 3))
    assert measured(golden, now).metrics["psnr"] == pytest.approx(expected, rel=1e-12)
