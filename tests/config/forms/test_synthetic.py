"""`$noise` and `$gradient`: what may be asked for, every problem of one form at once."""

from __future__ import annotations

import pytest

from harness.config.forms.form import Form
from harness.config.forms.synthetic import GRADIENT, NOISE


def complaints(form: Form, argument: object) -> list[str]:
    return [str(problem) for problem in form.check("k", argument)]


@pytest.mark.parametrize(
    "argument",
    [
        {"shape": [1, 4, 8, 8]},
        {"shape": [2**28], "seed": 2**64 - 1, "dtype": "bfloat16", "kind": "uniform", "as": "tensor"},
        {"shape": [1] * 8, "dtype": "float64", "kind": "normal", "as": "array"},
        {"shape": [32, 48], "as": "image"},
        {"shape": [32, 48, 3], "as": "image", "kind": "uniform"},
        {"shape": [5, 32, 48, 3], "as": "image", "seed": 3},
    ],
)
def test_good_noise_is_accepted(argument: object) -> None:
    assert complaints(NOISE, argument) == []


@pytest.mark.parametrize(
    "argument", [{"shape": [32, 32]}, {"shape": [3], "as": "array"}, {"shape": [1, 3, 8, 8], "as": "tensor"}]
)
def test_good_gradients_are_accepted(argument: object) -> None:
    assert complaints(GRADIENT, argument) == []


def test_all_problems_of_one_form_are_listed() -> None:
    argument = {
        "shape": [0, 2.5, 4],
        "sed": 1,
        "seed": -1,
        "dtype": "float12",
        "kind": "norm",
        "as": "images",
    }
    assert complaints(NOISE, argument) == [
        ": k.shape[0] = 0: expected a whole number greater than 0",
        ": k.shape[1] = 2.5: expected a whole number greater than 0",
        ": k.seed = -1: expected a whole number from 0 to 18446744073709551615",
        ": k.dtype = \"float12\": expected float32, float16, bfloat16 or float64; did you mean 'float32'?",
        ": k.kind = \"norm\": expected normal or uniform; did you mean 'normal'?",
        ": k.as = \"images\": expected tensor, array or image; did you mean 'image'?",
        ": k.sed: unknown key; did you mean 'seed'? accepted: shape, seed, dtype, kind, as",
    ]


@pytest.mark.parametrize(
    ("argument", "problem"),
    [
        (3, " = 3: expected a mapping with shape, seed, dtype, kind, as"),
        ({}, ".shape: missing; expected a list of 1 to 8 whole numbers greater than 0"),
        ({"shape": []}, ".shape = []: expected a list of 1 to 8 whole numbers greater than 0"),
        ({"shape": [1] * 9}, f".shape = {[1] * 9}: expected a list of 1 to 8 whole numbers greater than 0"),
        (
            {"shape": [2**14, 2**14, 2]},
            ".shape = [16384, 16384, 2]: holds 536,870,912 elements; at most 268,435,456 are allowed",
        ),
        (
            {"shape": [2], "as": "array", "dtype": "bfloat16"},
            '.dtype = "bfloat16": numpy has no bfloat16; use another dtype, or `as: tensor`',
        ),
        (
            {"shape": [2, 2], "as": "image", "dtype": "float32"},
            '.dtype = "float32": an image has 8-bit pixels; leave it out',
        ),
        (
            {"shape": [2, 2], "as": "image", "kind": "normal"},
            '.kind = "normal": an image is uniform noise; leave it out',
        ),
    ],
)
def test_one_problem_of_noise(argument: object, problem: str) -> None:
    assert complaints(NOISE, argument) == [f": k{problem}"]


@pytest.mark.parametrize("shape", [[3], [8, 8, 4], [3, 8, 8], [2, 3, 8, 8], [1, 1, 8, 8, 3]])
def test_images_have_two_dimensions_and_maybe_colours_and_frames(shape: list[int]) -> None:
    expected = (
        "`as: image` takes [height, width], [height, width, 3] or, for frames, [count, height, width, 3]"
    )
    assert complaints(NOISE, {"shape": shape, "as": "image"}) == [f": k.shape = {shape}: {expected}"]
    assert complaints(GRADIENT, {"shape": shape}) == [f": k.shape = {shape}: {expected}"]


def test_a_gradient_has_no_seed() -> None:
    assert complaints(GRADIENT, {"shape": [8, 8], "seed": 1}) == [
        ": k.seed: unknown key; accepted: shape, dtype, as"
    ]
