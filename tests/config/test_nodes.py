"""The walk over the nodes of a JSON Schema: a config file's, and one whose references lie elsewhere."""

from __future__ import annotations

import pytest

from harness.config.nodes import branches, child, resolved
from harness.config.schema.json_schema import tree


def test_a_reference_is_followed_and_its_siblings_stay() -> None:
    node = resolved({"$ref": "#/$defs/Model", "description": "which one"}, tree())
    assert node["description"] == "which one"
    assert "revision" in node["properties"]
    assert resolved({"type": "null"}, {}) == {"type": "null"}


def test_a_union_splits_into_its_alternatives() -> None:
    union = {"anyOf": [{"type": "null"}, {"anyOf": [{"type": "integer"}, {"$ref": "#/$defs/Model"}]}]}
    assert [node.get("type") for node in branches(union, tree())] == ["null", "integer", "object"]


@pytest.mark.parametrize(
    ("path", "kinds"),
    [
        (["model", "id"], ["string"]),
        (["steps"], ["integer", "object", "null"]),
        (["steps", "prior"], ["integer"]),
        (["call", "num_inference_steps"], ["integer", "null"]),
        (["tags", 3], ["string"]),
        (["adapters", 0, "scale"], ["number"]),
        (["tolerance", "same", "max_abs"], ["number"]),
    ],
)
def test_what_is_accepted_at_a_key(path: list[str | int], kinds: list[str]) -> None:
    node = tree()
    for part in path:
        found = child(node, part, tree())
        assert found is not None
        node = found
    assert [branch["type"] for branch in branches(node, tree())] == kinds


@pytest.mark.parametrize("path", [["sead"], ["model", "sha"], ["seed", "x"], ["memory", 0]])
def test_nothing_is_accepted_at_an_unknown_key(path: list[str | int]) -> None:
    node = tree()
    for part in path[:-1]:
        node = child(node, part, tree()) or {}
    assert child(node, path[-1], tree()) is None


def test_references_point_into_the_root_that_is_handed_in() -> None:
    root = {"$defs": {"Model": {"type": "array", "items": {"type": "string"}}}}
    node = child({"$ref": "#/$defs/Model"}, 0, root)
    assert node == {"type": "string"}
