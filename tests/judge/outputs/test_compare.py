from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from harness.codec import to_json
from harness.core.results.verdict import TensorResult, Verdict
from harness.core.tolerance import METRICS, Allowance, Limits, Rule
from harness.errors import UnreadableGolden
from harness.golden.tensors import TensorFile
from harness.judge.outputs.compare import compare_tensors
from harness.report.reason_words import reason_words
from tests.golden.builders import DTYPES, write_capture

NAN, INF = math.nan, math.inf
LOOSE = Limits(max_abs=1e30, rel_l2=1e30, mismatched=1.0)


class Pair:
    """Two captures in a folder, and their comparison."""

    def __init__(self, folder: Path) -> None:
        self.golden, self.now = folder / "golden.safetensors", folder / "now.safetensors"

    def write(self, golden: dict[str, Any], now: dict[str, Any], **both: Any) -> Pair:
        write_capture(self.golden, golden, **both)
        write_capture(self.now, now, **both)
        return self

    def compare(self, allowance: Allowance = Rule.EXACT) -> tuple[TensorResult, ...]:
        with TensorFile(self.golden) as golden, TensorFile(self.now) as now:
            return compare_tensors(golden, now, allowance)

    def one(
        self, golden: Any, now: Any, allowance: Allowance = Rule.EXACT, dtype: Any = np.float32
    ) -> TensorResult:
        self.write({"images": np.array(golden, dtype)}, {"images": np.array(now, dtype)})
        (result,) = self.compare(allowance)
        return result


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(tmp_path)


@pytest.mark.parametrize("allowance", [Rule.EXACT, Limits(max_abs=0.0, psnr=100.0)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_identical(pair: Pair, dtype: str, allowance: Allowance) -> None:
    result = pair.one([[0, 1, 1]], [[0, 1, 1]], allowance, DTYPES[dtype])
    assert (result.name, result.verdict, result.dtype) == ("images", Verdict.IDENTICAL, dtype)
    assert (result.shape, result.needed, reason_words(result.reasons)) == ((1, 3), {}, "")
    assert result.metrics == dict.fromkeys(METRICS, 0.0) | {"psnr": None}


def test_identical_with_nan(pair: Pair) -> None:
    assert pair.one([NAN, 1.0, INF], [NAN, 1.0, INF]).verdict is Verdict.IDENTICAL


def test_empty_and_0d(pair: Pair) -> None:
    assert pair.one(np.ones((0, 3)), np.ones((0, 3))).verdict is Verdict.IDENTICAL
    assert pair.one(1.0, 1.0).shape == ()
    assert pair.one(1.0, 2.0).verdict is Verdict.DRIFTED


def test_exact_shows_what_would_be_needed(pair: Pair) -> None:
    result = pair.one([3.0, 4.0], [3.0, 4.03125])
    assert (result.verdict, result.limits) == (Verdict.DRIFTED, {})
    assert result.metrics["max_abs"] == 0.03125
    # 0.03125 and 0.03125 / 5, rounded up to two digits
    assert result.needed == {"max_abs": 0.032, "rel_l2": 0.0063}
    assert reason_words(result.reasons) == "images: not bit for bit equal, max_abs 0.0312, rel_l2 0.00625"


@pytest.mark.parametrize(
    ("limits", "verdict"),
    [
        (Limits(max_abs=0.5), Verdict.WITHIN),
        (Limits(max_abs=0.49), Verdict.DRIFTED),
        (Limits(mean_abs=0.25), Verdict.WITHIN),
        (Limits(mean_abs=0.24), Verdict.DRIFTED),
        (Limits(rel_l2=0.1), Verdict.WITHIN),
        (Limits(rel_l2=0.0999), Verdict.DRIFTED),
        (Limits(cosine_distance=1e-2), Verdict.WITHIN),
        (Limits(cosine_distance=1e-5), Verdict.DRIFTED),
        # 10 log10(1 / 0.125) is 9.03 dB
        (Limits(psnr=9.03), Verdict.WITHIN),
        (Limits(psnr=9.04), Verdict.DRIFTED),
        # from 4.0 to 4.5 is an eighth of the 2**23 steps of its binade
        (Limits(max_ulp=2**20), Verdict.WITHIN),
        (Limits(max_ulp=2**20 - 1), Verdict.DRIFTED),
        (Limits(mismatched=0.5), Verdict.WITHIN),
        (Limits(mismatched=0.4), Verdict.DRIFTED),
        (Limits(max_abs=0.5, rel_l2=0.09), Verdict.DRIFTED),
        (Limits(), Verdict.DRIFTED),
    ],
)
def test_every_limit_judges(pair: Pair, limits: Limits, verdict: Verdict) -> None:
    result = pair.one([3.0, 4.0], [3.0, 4.5], limits)
    assert result.verdict is verdict
    assert result.limits == limits.stated()


def test_the_failing_metrics_are_named(pair: Pair) -> None:
    result = pair.one([3.0, 4.0], [3.0, 4.5], Limits(max_abs=0.1, rel_l2=0.2, psnr=20.0))
    assert reason_words(result.reasons) == "images: max_abs 0.5 > 0.1, psnr 9.03 < 20"
    assert result.needed == {"max_abs": 0.5, "rel_l2": 0.1, "psnr": 9.0}


@pytest.mark.parametrize("golden", [[3.0, 4.0], [1e-7, 2e-7], [0.1, 123456.0]])
def test_what_is_needed_is_enough(pair: Pair, golden: list[float]) -> None:
    now = [value * 1.01 for value in golden]
    limits = Limits(
        max_abs=0.0, mean_abs=0.0, rel_l2=0.0, cosine_distance=0.0, psnr=900.0, max_ulp=0.0, mismatched=0.0
    )
    needed = pair.one(golden, now, limits).needed
    assert set(needed) == set(METRICS)
    assert pair.one(golden, now, Limits(**needed)).verdict is Verdict.WITHIN
    assert all(float(f"{value:.1e}") == value for value in needed.values())


def test_an_undefined_metric_that_is_limited_fails(pair: Pair) -> None:
    result = pair.one([0.0, 0.0], [0.0, 1e-9], Limits(rel_l2=1e30, max_abs=1.0))
    assert (result.verdict, result.metrics["rel_l2"]) == (Verdict.DRIFTED, None)
    assert set(result.needed) == {"max_abs"}
    assert pair.one([0.0, 0.0], [0.0, 1e-9], Limits(psnr=-1e30)).verdict is Verdict.DRIFTED
    assert pair.one([-1.7e308], [1.7e308], LOOSE, np.float64).verdict is Verdict.DRIFTED


def test_bits_that_differ_by_no_value(pair: Pair) -> None:
    result = pair.one([0.0, 1.0], [-0.0, 1.0])
    assert (result.verdict, result.needed) == (Verdict.DRIFTED, {"max_abs": 0.0, "rel_l2": 0.0})
    assert "signed zeros" in reason_words(result.reasons)
    assert pair.one([0.0, 1.0], [-0.0, 1.0], Limits(max_abs=0.0, psnr=100.0)).verdict is Verdict.WITHIN


@pytest.mark.parametrize(
    ("golden", "now", "verdict", "reason"),
    [
        (1.0, NAN, Verdict.BROKEN, "1 new NaN, the first at [0, 1]"),
        (1.0, -INF, Verdict.BROKEN, "1 new Inf, the first at [0, 1]"),
        (INF, NAN, Verdict.BROKEN, "1 new NaN, the first at [0, 1]"),
        (NAN, 1.0, Verdict.DRIFTED, "1 vanished NaN or Inf, the first at [0, 1]"),
        (INF, 1.0, Verdict.DRIFTED, "1 vanished NaN or Inf, the first at [0, 1]"),
    ],
)
@pytest.mark.parametrize("allowance", [Rule.EXACT, LOOSE])
@pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.bfloat16, np.float64, np.complex64])
def test_nan_and_inf(
    pair: Pair, golden: float, now: float, verdict: Verdict, reason: str, allowance: Allowance, dtype: Any
) -> None:
    result = pair.one([[0.0, golden, 2.0]], [[0.0, now, 2.0]], allowance, dtype)
    assert (result.verdict, reason_words(result.reasons)) == (verdict, f"images: {reason}")
    assert {name for name, value in result.metrics.items() if value is not None} == {"mismatched"}
    assert result.needed == {}


def test_new_nan_beside_a_vanished_one_is_broken(pair: Pair) -> None:
    result = pair.one([NAN, 1.0, 1.0], [1.0, NAN, INF], LOOSE)
    assert result.verdict is Verdict.BROKEN
    assert (
        reason_words(result.reasons)
        == "images: 1 new NaN, 1 new Inf, 1 vanished NaN or Inf, the first at [0]"
    )


def test_shape_and_dtype(pair: Pair) -> None:
    pair.write({"images": np.ones((2, 3), np.float32)}, {"images": np.ones((3, 2), np.float32)})
    (result,) = pair.compare(LOOSE)
    assert result.verdict is Verdict.BROKEN
    assert reason_words(result.reasons) == "images: float32 [2, 3] in the golden, now float32 [3, 2]"
    pair.write({"images": np.ones(6, np.float32)}, {"images": np.ones(6, np.int32)})
    (result,) = pair.compare(LOOSE)
    assert result.verdict is Verdict.BROKEN
    assert reason_words(result.reasons) == "images: float32 [6] in the golden, now int32 [6]"
    assert result.metrics == dict.fromkeys(METRICS)


def test_the_same_bytes_in_another_shape_are_broken(pair: Pair) -> None:
    pair.write({"images": np.zeros(4, np.float32)}, {"images": np.zeros(4, np.int32)})
    assert pair.compare(LOOSE)[0].verdict is Verdict.BROKEN
    pair.write({"images": np.zeros((1, 4), np.float32)}, {"images": np.zeros(4, np.float32)})
    assert pair.compare(LOOSE)[0].verdict is Verdict.BROKEN


def test_missing_and_extra_outputs(pair: Pair) -> None:
    ones = np.ones(2, np.float32)
    pair.write({"images": ones, "mask": ones}, {"images": ones, "extra": ones})
    extra, images, mask = pair.compare(LOOSE)
    assert (extra.name, images.name, mask.name) == ("extra", "images", "mask")
    assert [result.verdict for result in (extra, images, mask)] == [
        Verdict.BROKEN,
        Verdict.IDENTICAL,
        Verdict.BROKEN,
    ]
    assert reason_words(extra.reasons) == "extra: missing in the golden, now float32 [2]"
    assert reason_words(mask.reasons) == "mask: float32 [2] in the golden, now missing"
    assert (mask.dtype, mask.shape) == ("float32", (2,))


def test_absent_fields(pair: Pair) -> None:
    ones = {"images": np.ones(2, np.float32)}
    flags = {"nsfw": np.ones(1, np.bool_)}
    write_capture(pair.golden, ones, absent=("nsfw", "never"))
    write_capture(pair.now, ones | flags, absent=("never",))
    images, nsfw = pair.compare(LOOSE)
    assert (images.verdict, nsfw.verdict) == (Verdict.IDENTICAL, Verdict.BROKEN)
    assert reason_words(nsfw.reasons) == "nsfw: absent (None) in the golden, now bool [1]"

    write_capture(pair.now, ones, absent=("never",))
    images, nsfw = pair.compare(LOOSE)
    assert (nsfw.name, nsfw.verdict) == ("nsfw", Verdict.BROKEN)
    assert reason_words(nsfw.reasons) == "nsfw: absent (None) in the golden, now missing"

    write_capture(pair.golden, ones | flags)
    write_capture(pair.now, ones, absent=("nsfw",))
    images, nsfw = pair.compare(LOOSE)
    assert reason_words(nsfw.reasons) == "nsfw: bool [1] in the golden, now absent (None)"


def test_text(pair: Pair) -> None:
    def compare(golden: str, now: str) -> TensorResult:
        write_capture(pair.golden, {}, text={"answer": golden})
        write_capture(pair.now, {}, text={"answer": now})
        (result,) = pair.compare(LOOSE)
        return result

    same = compare("a seven", "a seven")
    assert (same.verdict, same.metrics) == (Verdict.IDENTICAL, dict.fromkeys(METRICS))
    other = compare("a seven", "a nine")
    assert (other.verdict, other.needed) == (Verdict.DRIFTED, {})
    assert (
        reason_words(other.reasons)
        == "answer: text differs from character 2 onward: 'seven' in the golden, now 'nine'"
    )
    assert compare("", "").verdict is Verdict.IDENTICAL


def test_text_against_numbers(pair: Pair) -> None:
    write_capture(pair.golden, {}, text={"answer": "ab"})
    write_capture(pair.now, {"answer": np.frombuffer(b"ab", np.uint8)})
    (result,) = pair.compare(LOOSE)
    assert result.verdict is Verdict.BROKEN
    assert reason_words(result.reasons) == "answer: text in the golden, now uint8 [2]"


def test_refuse_is_no_allowance(pair: Pair) -> None:
    with pytest.raises(ValueError, match="refuse"):
        pair.one([1.0], [1.0], Rule.REFUSE)


def damage(path: Path, name: str) -> None:
    """Flip the lowest bit of the first byte of one tensor."""
    data = bytearray(path.read_bytes())
    (length,) = struct.unpack("<Q", data[:8])
    data[8 + length + json.loads(data[8 : 8 + length])[name]["data_offsets"][0]] ^= 1
    path.write_bytes(data)


ONES = np.ones(3, np.float32)
OUTPUTS = {
    "same": (ONES, ONES),
    "drifted": (ONES, ONES * 2),
    "shape": (ONES, ONES.reshape(1, 3)),
    "dtype": (ONES, ONES.astype(np.int32)),
    "only": (ONES, None),
    "trace/noise/0": (ONES, ONES * 3),
    "trace/only": (ONES, None),
}


@pytest.mark.parametrize("name", OUTPUTS)
@pytest.mark.parametrize("side", ["golden", "now"])
def test_nothing_goes_unverified(pair: Pair, name: str, side: str) -> None:
    columns = {name: values if side == "golden" else values[::-1] for name, values in OUTPUTS.items()}
    pair.write(
        {key: left for key, (left, _) in columns.items() if left is not None},
        {key: right for key, (_, right) in columns.items() if right is not None},
    )
    pair.compare(LOOSE)
    stored = name if "/" in name else f"output/{name}"
    damage(pair.golden if side == "golden" else pair.now, stored)
    with pytest.raises(UnreadableGolden, match=f"{side}.safetensors: tensor {stored} is damaged"):
        pair.compare(LOOSE)


def test_traces_are_no_outputs(pair: Pair) -> None:
    pair.write({"images": ONES, "trace/a": ONES}, {"images": ONES, "trace/b": ONES * 2})
    assert [result.name for result in pair.compare()] == ["images"]


def test_results_are_finite_json(pair: Pair) -> None:
    result = pair.one([0.0, 1.0], [NAN, 2.0], LOOSE)
    text = to_json(result)
    assert json.loads(text, parse_constant=lambda name: pytest.fail(name))["metrics"]["max_abs"] is None


def test_limits_of_its_own_for_each_output(tmp_path: Path) -> None:
    before, after = np.array([1.0, 2.0], np.float32), np.array([1.0, 2.5], np.float32)
    pair = Pair(tmp_path).write({"a": before, "b": before, "c": before}, {"a": after, "b": after, "c": after})
    limits = {"a": Limits(max_abs=1.0), "b": Limits(max_abs=0.1)}
    with TensorFile(pair.golden) as golden, TensorFile(pair.now) as now:
        found = compare_tensors(golden, now, limits)
    assert [(one.name, one.verdict) for one in found] == [
        ("a", Verdict.WITHIN),
        ("b", Verdict.DRIFTED),
        ("c", Verdict.DRIFTED),
    ]
    assert found[2].limits == {}
