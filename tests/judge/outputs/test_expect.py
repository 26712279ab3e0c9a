from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.case import Expectation
from harness.core.results.verdict import Verdict
from harness.errors import UnreadableGolden
from harness.golden.tensors import TensorFile
from harness.judge.outputs.expect import STATISTICS, ExpectationResult, check_expectations, statistic
from harness.report.reason_words import reason_words
from tests.golden.builders import DTYPES, a_case, write_capture

VALUES = [-3.0, 1.0, 4.0, 2.0]
# by hand: the mean is 1, the deviations -4, 0, 3 and 1, their squares add up to 26
EXPECTED = {"abs_sum": 10.0, "sum": 4.0, "mean": 1.0, "std": math.sqrt(26 / 4), "min": -3.0, "max": 4.0}


def check(path: Path, *expectations: Expectation) -> tuple[ExpectationResult, ...]:
    with TensorFile(path) as file:
        return check_expectations(a_case(expect=expectations), file)


def one(folder: Path, values: Any, statistic: str, value: float, abs_tol: float = 0.0) -> ExpectationResult:
    path = write_capture(folder / "a.safetensors", {"images": values})
    (result,) = check(path, Expectation("images", statistic, value, abs_tol))
    return result


@pytest.mark.parametrize("name", STATISTICS)
@pytest.mark.parametrize("places", [[], [1], [0, 2, 3]])
def test_statistics_by_hand(name: str, places: list[int]) -> None:
    assert statistic(name, np.split(np.array(VALUES), places)) == pytest.approx(EXPECTED[name], rel=1e-15)


@pytest.mark.parametrize("dtype", [name for name in DTYPES if "float" in name])
def test_statistics_of_every_float(dtype: str) -> None:
    for name in STATISTICS:
        assert statistic(name, [np.array(VALUES, DTYPES[dtype])]) == pytest.approx(EXPECTED[name], rel=1e-15)


def test_statistics_of_integers_and_complex() -> None:
    assert statistic("abs_sum", [np.array([200, 100], np.uint8)]) == 300
    assert statistic("min", [np.array([-128], np.int8)]) == -128
    assert statistic("abs_sum", [np.array([3 + 4j, 1j], np.complex64)]) == 6


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30), st.lists(st.integers(0, 30), max_size=3))
def test_statistics_against_numpy(values: list[float], places: list[int]) -> None:
    array = np.array(values)
    pieces = np.split(array, sorted(place % (len(values) + 1) for place in places))
    for name, expected in {
        "std": array.std(),
        "mean": array.mean(),
        "min": array.min(),
        "max": array.max(),
    }.items():
        assert statistic(name, pieces) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("name", STATISTICS)
def test_a_nan_in_any_piece_is_seen(name: str) -> None:
    for pieces in ([[1.0], [math.nan]], [[math.nan], [1.0]]):
        assert math.isnan(statistic(name, map(np.array, pieces)))


def test_std_far_from_zero_keeps_its_digits() -> None:
    pieces = [np.array([1e9 + 1, 1e9 - 1]), np.array([1e9 + 1, 1e9 - 1])]
    assert statistic("std", pieces) == 1.0


def test_unknown_statistic() -> None:
    with pytest.raises(ValueError, match="median: unknown statistic; accepted: abs_sum"):
        statistic("median", [])


def test_met_and_not_met(tmp_path: Path) -> None:
    met = one(tmp_path, np.array(VALUES, np.float32), "abs_sum", 10.5, 0.5)
    assert (met.verdict, met.value, met.reason) == (Verdict.WITHIN, 10.0, None)
    missed = one(tmp_path, np.array(VALUES, np.float32), "abs_sum", 10.5, 0.49)
    assert missed.verdict is Verdict.DRIFTED
    assert reason_words([missed.reason]) == "images.abs_sum: 10, expected 10.5 ± 0.49"


def test_an_output_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    path = write_capture(
        tmp_path / "a.safetensors", {"b": np.ones(2), "a": np.ones(2)}, text={"answer": "7"}, absent=("c",)
    )
    for output in ("images", "answer", "c"):
        (result,) = check(path, Expectation(output, "sum", 2.0, 9.0))
        assert (result.verdict, result.value) == (Verdict.BROKEN, None)
        assert reason_words([result.reason]) == f"{output}.sum: no such numeric output; there are: a, b"


@pytest.mark.parametrize("name", STATISTICS)
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_figure_that_is_not_finite_is_broken(tmp_path: Path, name: str, bad: float) -> None:
    if (name, bad) == ("min", math.inf):
        pytest.skip("the smallest of these is finite")
    result = one(tmp_path, np.array([1.0, bad, 2.0]), name, 1.0, math.inf)
    assert (result.verdict, result.value) == (Verdict.BROKEN, None)


@pytest.mark.parametrize("name", ["mean", "std", "min", "max"])
def test_no_elements_have_no_mean(tmp_path: Path, name: str) -> None:
    assert one(tmp_path, np.ones((0, 3)), name, 0.0, 1e9).verdict is Verdict.BROKEN


def test_complex_outputs_have_a_sum_of_moduli_only(tmp_path: Path) -> None:
    values = np.array([3 + 4j], np.complex64)
    assert one(tmp_path, values, "abs_sum", 5.0).verdict is Verdict.WITHIN
    assert "only abs_sum" in reason_words([one(tmp_path, values, "mean", 5.0, 1e9).reason])


def test_a_damaged_capture(tmp_path: Path) -> None:
    path = write_capture(tmp_path / "a.safetensors", {"images": np.ones(2)})
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with pytest.raises(UnreadableGolden):
        check(path, Expectation("images", "sum", 2.0, 9.0))
