"""`$tensor` and `$array`: nested numbers that have a shape and fit their dtype."""

from __future__ import annotations

import pytest

from harness.config.forms.form import Form
from harness.config.forms.numbers import ARRAY, ARRAY_DTYPES, TENSOR, TENSOR_DTYPES


def complaints(form: Form, argument: object) -> list[str]:
    return [str(problem) for problem in form.check("k", argument)]


@pytest.mark.parametrize(
    "argument",
    [
        0.5,
        True,
        [1],
        [[1, 2], [3, 4.5]],
        [[True, False]],
        {"values": [-(2**63), 2**63 - 1]},
        {"values": [0, 255], "dtype": "uint8"},
        {"values": [[-128], [127]], "dtype": "int8"},
        {"values": [1, 0, 1.0, False], "dtype": "bool"},
        {"values": [2**64 - 1], "dtype": "float32"},
    ],
)
def test_good_numbers_are_accepted(argument: object) -> None:
    assert complaints(TENSOR, argument) == []
    assert complaints(ARRAY, argument) == []


def test_only_numpy_has_no_bfloat16() -> None:
    assert complaints(TENSOR, {"values": [1], "dtype": "bfloat16"}) == []
    [problem] = complaints(ARRAY, {"values": [1], "dtype": "bfloat16"})
    assert problem.startswith(': k.dtype = "bfloat16": expected float32, float16, float64, int64, ')
    assert set(TENSOR_DTYPES) - set(ARRAY_DTYPES) == {"bfloat16"}


NUMBERS = "expected a number, or a list of numbers or of such lists"


@pytest.mark.parametrize(
    ("argument", "problems"),
    [
        (None, [f" = null: {NUMBERS}"]),
        ([], [f" = []: {NUMBERS}"]),
        (
            [1, ["a", None], []],
            [f'[1][0] = "a": {NUMBERS}', f"[1][1] = null: {NUMBERS}", f"[2] = []: {NUMBERS}"],
        ),
        ([[1, 2], [3]], [" = [[1, 2], [3]]: lists at the same depth differ in length; make them equal"]),
        ([[1, 2], 3], [" = [[1, 2], 3]: lists at the same depth differ in length; make them equal"]),
        (
            [1, 2**63],
            [" = 9223372036854775808: does not fit int64; change the value or give another `dtype`"],
        ),
        (
            {"values": [0, 256], "dtype": "uint8"},
            [".values = 256: does not fit uint8; change the value or give another `dtype`"],
        ),
        (
            {"values": [1.0], "dtype": "int32"},
            [".values = 1.0: does not fit int32; change the value or give another `dtype`"],
        ),
        (
            {"values": [2], "dtype": "bool"},
            [".values = 2: does not fit bool; change the value or give another `dtype`"],
        ),
        ({"dtype": "int64"}, [f".values: missing; {NUMBERS}"]),
        (
            {"values": ["x"], "dtype": "int46", "shape": [1]},
            [
                ".shape: unknown key; accepted: values, dtype",
                '.dtype = "int46": expected float32, float16, bfloat16, float64, int64, int32, int16, int8, uint8 '
                "or bool; did you mean 'int64'?",
                f'.values[0] = "x": {NUMBERS}',
            ],
        ),
        (
            {"values": 1, "dtype": 3},
            [
                ".dtype = 3: expected float32, float16, bfloat16, float64, int64, int32, int16, int8, uint8 or bool",
            ],
        ),
    ],
)
def test_everything_else_is_refused(argument: object, problems: list[str]) -> None:
    assert complaints(TENSOR, argument) == [f": k{problem}" for problem in problems]
