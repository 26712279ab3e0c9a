"""Walks over the nodes of a JSON Schema and what they accept.

Each function takes the `root` that references such as `#/$defs/Model` point into.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Node = dict[str, Any]


def resolved(node: Node, root: Node) -> Node:
    """`node`, or the definition that it refers to."""
    reference = node.get("$ref")
    if reference is None:
        return node
    return {
        **root["$defs"][reference.rpartition("/")[2]],
        **{key: node[key] for key in node if key != "$ref"},
    }


def branches(node: Node, root: Node) -> Iterator[Node]:
    """The alternatives that `node` accepts; `node` itself if it is not a union."""
    node = resolved(node, root)
    if "anyOf" not in node:
        yield node
    for branch in node.get("anyOf", []):
        yield from branches(branch, root)


def child(node: Node, key: str | int, root: Node) -> Node | None:
    """What is accepted at `key` inside a value that `node` accepts; None if the key is unknown."""
    accepted = (_inside(branch, key) for branch in branches(node, root))
    return next((found for found in accepted if found is not None), None)


def _inside(node: Node, key: str | int) -> Node | None:
    if isinstance(key, int):
        return node.get("items")
    if key in node.get("properties", {}):
        return dict(node["properties"][key])
    others = [*node.get("patternProperties", {}).values(), node.get("additionalProperties")]
    return next((other for other in others if isinstance(other, dict)), None)
