"""Turns pydantic's errors into plain words: one problem per bad key, with what the JSON Schema accepts there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from harness.config.nodes import Node, branches, child
from harness.config.wording import alternatives, joined, listing, shown, suggestion, unknown
from harness.errors import Problem

BAD_NAME = "not a valid argument name in Python; use letters, digits and '_'"

Path = tuple[str | int, ...]


def validation_problems(
    error: ValidationError, values: object, schema: Node, key: str = ""
) -> tuple[Problem, ...]:
    """The problems that `error` found in `values`, in the order of the models' keys.

    `schema` describes `values`, which are at `key` of the file; "" is the whole file.
    """
    found: dict[Path, Problem] = {}
    for detail in error.errors(include_url=False, include_context=False):
        path = _path(detail, values)
        kind = "bad name" if detail["loc"][-1:] == ("[key]",) else detail["type"]
        found.setdefault(path, _problem(path, kind, values, key, schema))
    prefixes = {path[:length] for path in found for length in range(len(path))}
    return tuple(problem for path, problem in found.items() if path not in prefixes)


def _path(detail: ErrorDetails, values: object) -> Path:
    """Where the error is; pydantic's names for branches of a union are not in `values` and are dropped."""
    value: Any = values
    path: list[str | int] = []
    for part in detail["loc"]:
        is_index = isinstance(value, list) and isinstance(part, int)
        if is_index or (isinstance(value, Mapping) and part in value):
            path.append(part)
            value = value[part]
    return (*path, detail["loc"][-1]) if detail["type"] == "missing" else tuple(path)


def _problem(path: Path, kind: str, values: object, key: str, schema: Node) -> Problem:
    for part in path:
        key = joined(key, part)
    if kind == "bad name":
        return Problem("", key, None, BAD_NAME)
    node = _node(path, schema)
    if node is None:
        parent = _node(path[:-1], schema) or {}
        return Problem("", key, None, _unknown(parent, str(path[-1]), schema))
    if kind == "missing":
        return Problem("", key, None, f"missing; {expected(node, schema)}")
    value = _value(path, values)
    return Problem("", key, shown(value), expected(node, schema) + _nearest_choice(value, node, schema))


def expected(node: Node, root: Node) -> str:
    """`expected ...`: what `node` accepts, in words; its references point into `root`."""
    if "errorMessage" in node:
        return str(node["errorMessage"])
    return (
        f"expected {alternatives([text for branch in branches(node, root) for text in _described(branch)])}"
    )


def _described(node: Node) -> Iterator[str]:
    if "errorMessage" in node:
        yield str(node["errorMessage"]).removeprefix("expected ")
    elif "enum" in node or "const" in node:
        yield from (str(choice) for choice in node.get("enum", [node.get("const")]))
    else:
        words = {"boolean": "true or false", "null": "null", "string": "text", "array": "a list"}
        kind = node.get("type", "")
        if kind in ("integer", "number"):
            yield ("a whole number" if kind == "integer" else "a number") + _range(node)
        else:
            yield _mapping(node) if kind == "object" else words.get(str(kind), "a value")


def _range(node: Node) -> str:
    if "minimum" in node and "maximum" in node:
        return f" from {node['minimum']} to {node['maximum']}"
    if "exclusiveMinimum" in node and "maximum" in node:
        return f" greater than {node['exclusiveMinimum']}, at most {node['maximum']}"
    if "exclusiveMinimum" in node:
        return f" greater than {node['exclusiveMinimum']}"
    return f" of {node['minimum']} or more" if "minimum" in node else ""


def _mapping(node: Node) -> str:
    names = node.get("properties")
    if not names:
        return "a mapping" if "minProperties" not in node else "a mapping of at least one name"
    return f"a mapping with {'at least one of ' if 'minProperties' in node else ''}{listing(names)}"


def _unknown(parent: Node, name: str, root: Node) -> str:
    accepted = [key for branch in branches(parent, root) for key in branch.get("properties", {})]
    return unknown("unknown key", name, accepted)


def _nearest_choice(value: object, node: Node, root: Node) -> str:
    accepted = branches(node, root)
    choices = [choice for branch in accepted for choice in branch.get("enum", _constant(branch))]
    return suggestion(value, choices) if isinstance(value, str) else ""


def _constant(branch: Node) -> list[Any]:
    return [branch["const"]] if "const" in branch else []


def _node(path: Path, schema: Node) -> Node | None:
    node: Node | None = schema
    for part in path:
        node = child(node, part, schema) if node is not None else None
    return node


def _value(path: Path, values: Any) -> object:
    for part in path:
        values = values[part]
    return values
