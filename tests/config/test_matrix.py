"""Matrix expansion: the entries, their ids, and what a matrix may not be."""

from __future__ import annotations

import hashlib
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.config.matrix import expand, rendered


def suffixes(values: dict[str, object]) -> list[str]:
    return [entry.suffix for entry in expand(values).entries]


def complaints(values: dict[str, object]) -> list[str]:
    return [f"{one.key} = {one.value}: {one.message}" for one in expand(values).problems]


def test_a_file_without_a_matrix_is_one_entry() -> None:
    for values in ({"seed": 0}, {"seed": 0, "matrix": {}}):
        [entry] = expand(values).entries
        assert (entry.suffix, entry.values) == ("", {"seed": 0})


def test_every_combination_is_an_entry_named_in_the_order_of_the_sorted_keys() -> None:
    matrix = {"seed": [1, 0], "scheduler.class": ["A", "B"]}
    assert suffixes({"matrix": matrix}) == [
        "@scheduler.class=A,seed=1",
        "@scheduler.class=A,seed=0",
        "@scheduler.class=B,seed=1",
        "@scheduler.class=B,seed=0",
    ]


def test_nested_keys_are_added_to_those_of_the_file() -> None:
    values = {
        "model": {"id": "m", "dtype": "float32"},
        "scheduler": None,
        "matrix": {"model.dtype": ["bfloat16"], "scheduler.class": ["A"], "call.a.b": [1], "seed": [3]},
    }
    [entry] = expand(values).entries
    assert entry.values == {
        "model": {"id": "m", "dtype": "bfloat16"},
        "scheduler": {"class": "A"},
        "call": {"a": {"b": 1}},
        "seed": 3,
    }
    assert values["model"] == {"id": "m", "dtype": "float32"}, "the file's own values are left as they were"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("DDIMScheduler", "DDIMScheduler"),
        ("a.b_c+d-e", "a.b_c+d-e"),
        ("x" * 40, "x" * 40),
        ("x" * 41, "x" * 24 + "-" + digest("x" * 41)),
        ("a handwritten seven", "a-handwritten-seven-" + digest("a handwritten seven")),
        ("org/name", "org-name-" + digest("org/name")),
        ("../up", "up-" + digest("../up")),
        ("七", digest("七")),
        ("", digest("")),
        (True, "true"),
        (None, "null"),
        (7, "7"),
        (0.5, "0.5"),
        (1e-05, "1e-05"),
        (1e16, "1e+16"),
        ({"b": 1, "a": 2}, "a-2-b-1-" + digest('{"a": 2, "b": 1}')),
        ([1, 2], "1-2-" + digest("[1, 2]")),
    ],
)
def test_values_are_rendered_as_short_safe_text(value: object, text: str) -> None:
    assert rendered(value) == text


@pytest.mark.parametrize(
    ("choices", "ids"),
    [
        (["Euler", "Heun"], ["Euler", "Heun"]),
        (["euler", "Euler"], ["euler-" + digest('"euler"'), "Euler"]),
        (["EULER", "Euler", "euler"], ["EULER", "Euler-" + digest('"Euler"'), "euler-" + digest('"euler"')]),
        (["1", 1, 1.0], ["1-" + digest('"1"'), "1", "1.0"]),
        (["true", True, "True"], ["true-" + digest('"true"'), "true-" + digest("true"), "True"]),
        ([None, "null"], ["null", "null-" + digest('"null"')]),
        (["a-b", "a b"], ["a-b", "a-b-" + digest("a b")]),
        (["1e+16", 1e16], ["1e+16-" + digest('"1e+16"'), "1e+16"]),
        # The same letter as one character, and as a letter with an accent of its own.
        (["é", "e\u0301"], [digest("é"), "e-" + digest("e\u0301")]),
    ],
)
def test_values_that_read_alike_get_digests_whatever_their_order(
    choices: list[object], ids: list[str]
) -> None:
    assert suffixes({"matrix": {"call.x": choices}}) == [f"@call.x={one}" for one in ids]
    assert suffixes({"matrix": {"call.x": choices[::-1]}}) == [f"@call.x={one}" for one in ids[::-1]]


@pytest.mark.parametrize(
    ("matrix", "complaint"),
    [
        ([1], "matrix = [1]: expected a mapping of this file's keys to lists of values"),
        (None, "matrix = null: expected a mapping of this file's keys to lists of values"),
        ({"seed": []}, "matrix.seed = []: expected a list of at least one value"),
        ({"seed": 3}, "matrix.seed = 3: expected a list of at least one value"),
        ({"matrix": [{}]}, "matrix.matrix = None: a matrix cannot change itself; list other keys"),
        ({"matrix.seed": [1]}, "matrix.matrix.seed = None: a matrix cannot change itself; list other keys"),
        (
            {"call.$file": ["a.png"]},
            "matrix.call.$file = None: not a key of this file; write the parts of nested keys with dots, "
            "such as scheduler.class",
        ),
        (
            {"seed.": [1]},
            "matrix.seed. = None: not a key of this file; write the parts of nested keys with dots, "
            "such as scheduler.class",
        ),
        (
            {"scheduler.class": ["A"], "scheduler": [None]},
            "matrix.scheduler.class = None: lies inside the matrix key 'scheduler'; keep one of the two",
        ),
        (
            {"pipeline.x": [1]},
            'matrix.pipeline.x = None: `pipeline` is not a mapping in this file ("P"); leave it out or make it one',
        ),
        ({"seed": [0, 1, 0]}, "matrix = None: two entries have the id @seed=0; keep one of them"),
        (
            {"call.prompt": ["1", 1, "1"]},
            "matrix = None: two entries have the id @call.prompt=1-" + digest('"1"') + "; keep one of them",
        ),
        (
            {"seed": list(range(100)), "steps": list(range(11))},
            "matrix = None: gives 1,100 cases; at most 1,000 may come from one file, so split it",
        ),
        (
            {f"call.a{i}": list(range(10)) for i in range(40)},
            f"matrix = None: gives {10**40:,} cases; at most 1,000 may come from one file, so split it",
        ),
    ],
)
def test_a_wrong_matrix_is_one_problem(matrix: object, complaint: str) -> None:
    assert complaints({"pipeline": "P", "matrix": matrix}) == [complaint]


def test_a_wrong_matrix_still_lets_the_rest_of_the_file_be_checked() -> None:
    [entry] = expand({"seed": -1, "matrix": {"steps": []}}).entries
    assert (entry.suffix, entry.values) == ("", {"seed": -1})


def test_a_thousand_entries_are_accepted() -> None:
    expansion = expand({"matrix": {"seed": list(range(1000))}})
    assert (len(expansion.entries), expansion.problems) == (1000, ())


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=50),
    st.lists(st.integers()),
)
KEYS = st.sampled_from(["seed", "steps", "scheduler.class", "call.prompt", "call.eta"])


@settings(deadline=None)
@given(st.dictionaries(KEYS, st.lists(VALUES, min_size=1, max_size=4), max_size=4))
def test_ids_are_unique_and_safe_whatever_the_values(matrix: dict[str, list[object]]) -> None:
    found = suffixes({"matrix": matrix})
    assert len(found) == len({suffix.casefold() for suffix in found})
    assert all(re.fullmatch(r"(@[A-Za-z0-9._+,=-]+)?", suffix) for suffix in found)
    assert all(len(part) <= 70 for suffix in found for part in suffix.split(","))
