"""What a schema's node accepts, and what is wrong with a value, in words."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import Field, ValidationError

from harness.config.fields import Name, Strict
from harness.config.validation import expected, validation_problems

WORDS: list[tuple[dict[str, Any], str]] = [
    ({"errorMessage": "expected a sha"}, "expected a sha"),
    ({"type": "boolean"}, "expected true or false"),
    ({"type": "integer", "minimum": 0, "maximum": 9}, "expected a whole number from 0 to 9"),
    ({"type": "integer", "exclusiveMinimum": 0}, "expected a whole number greater than 0"),
    ({"type": "number", "exclusiveMinimum": 0, "maximum": 9}, "expected a number greater than 0, at most 9"),
    ({"type": "number", "minimum": 0}, "expected a number of 0 or more"),
    ({"enum": ["a", "b"]}, "expected a or b"),
    ({"anyOf": [{"const": "exact"}, {"type": "array"}, {"type": "null"}]}, "expected exact, a list or null"),
    ({"type": "object"}, "expected a mapping"),
    ({"type": "object", "minProperties": 1}, "expected a mapping of at least one name"),
    ({"type": "object", "properties": {"x": {}, "y": {}}}, "expected a mapping with x, y"),
    ({}, "expected a value"),
]


@pytest.mark.parametrize(("node", "words"), WORDS)
def test_what_a_node_accepts(node: dict[str, Any], words: str) -> None:
    assert expected(node, node) == words


class Inner(Strict):
    size: int | list[int]
    names: dict[Name, bool] = Field(default={})


class Outer(Strict):
    inner: Inner


SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "inner": {
            "type": "object",
            "properties": {
                "size": {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]},
                "names": {"type": "object", "additionalProperties": {"type": "boolean"}},
            },
        }
    },
}


def said(values: object) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(values)
    return [str(problem) for problem in validation_problems(caught.value, values, SCHEMA, "call")]


@pytest.mark.parametrize(
    ("values", "problems"),
    [
        ({"inner": {}}, ["call.inner.size: missing; expected a whole number or a list"]),
        ({"inner": {"size": "x"}}, ['call.inner.size = "x": expected a whole number or a list']),
        # Of a list's wrong item only the item is named, not also the union around it.
        ({"inner": {"size": [1, "x"]}}, ['call.inner.size[1] = "x": expected a whole number']),
        (
            {"inner": {"size": 1, "sizes": 2}},
            ["call.inner.sizes: unknown key; did you mean 'size'? accepted: size, names"],
        ),
        (
            {"inner": {"size": 1, "names": {"a b": True}}},
            ["call.inner.names.a b: not a valid argument name in Python; use letters, digits and '_'"],
        ),
        ({"inner": 3}, ["call.inner = 3: expected a mapping with size, names"]),
    ],
)
def test_each_bad_key_is_one_problem(values: object, problems: list[str]) -> None:
    assert [text.removeprefix(": ") for text in said(values)] == problems
