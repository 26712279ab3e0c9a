"""The JSON Schema of a config file: the models' own, with forms, matrix keys and rules across keys added."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from harness.config.fields import NAME_PATTERN
from harness.config.forms import registry
from harness.config.forms.numbers import NUMBERS, numbers_schema
from harness.config.nodes import Node
from harness.config.schema import reserved
from harness.config.schema.models import ConfigFile
from harness.core.case import STEPS_ARGUMENT

_MAPS_OF_NODES = ("properties", "patternProperties", "$defs")
_KEY_PART = "[A-Za-z0-9_-]+"
_OPEN = ("call", "model.components", "model.dtype", "quantization.options", "scheduler", "steps")
"""The keys that accept any names inside, so that a matrix may vary those as well."""

_STEPS_IN_CALL = {
    "description": "the same as `steps` at the top of the file",
    "anyOf": [{"type": "integer", "exclusiveMinimum": 0}, {"type": "null"}],
}
_STEPS_TWICE = {
    "properties": {
        "steps": {"anyOf": [{"type": "integer"}, {"type": "object", "required": [STEPS_ARGUMENT]}]},
        "call": {"type": "object", "required": [STEPS_ARGUMENT]},
    },
    "required": ["steps", "call"],
}

_PLAIN = {"$ref": "#/$defs/plain"}
_VALUE = {"$ref": "#/$defs/value"}


def json_schema() -> str:
    """The JSON Schema (draft 2020-12) of a config file, as pretty JSON.

    It cannot check files, installed classes, or the combinations that a matrix gives.
    """
    return json.dumps(tree(), indent=2)


@lru_cache(maxsize=1)
def tree() -> Node:
    """The whole schema as JSON values; callers must not change it."""
    root = _tidied(ConfigFile.model_json_schema())
    definitions = root["$defs"]
    definitions["value"] = _tidied(dict(registry.value_schema()))
    definitions[NUMBERS] = dict(numbers_schema())
    definitions["plain"] = _plain_schema()
    _take_arguments(root["properties"]["call"], _VALUE, reserved.CALL)
    root["properties"]["call"]["properties"] = {STEPS_ARGUMENT: _STEPS_IN_CALL}
    _take_arguments(definitions["Preparation"]["properties"]["call"], _VALUE, reserved.BEFORE_CALL)
    _take_arguments(definitions["Quantization"]["properties"]["options"], _PLAIN, {})
    definitions["Preparation"]["properties"]["method"]["not"] = {"enum": list(reserved.METHODS)}
    _take_arguments(definitions["Model"]["properties"]["components"], _PLAIN, reserved.COMPONENTS)
    _take_arguments(definitions["Scheduler"], _PLAIN, {})
    required = {"pipeline": root.pop("required"), "model.id": definitions["Model"].pop("required")}
    root["properties"]["matrix"] = _matrix(root)
    root["allOf"] = list(_rules(required))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **root,
        "title": "Config of one case or more",
    }


def _tidied(node: Node) -> Node:
    """Drops generated titles and non-scalar defaults; keys that do not match a pattern are refused."""
    result: Node = {}
    for key, value in node.items():
        if key in _MAPS_OF_NODES:
            result[key] = {name: _tidied(one) for name, one in value.items()}
        elif key == "default" and (value is None or isinstance(value, dict | list)):
            continue
        elif isinstance(value, dict):
            result[key] = _tidied(value)
        elif isinstance(value, list):
            result[key] = [_tidied(one) if isinstance(one, dict) else one for one in value]
        elif key != "title":
            result[key] = value
    if "patternProperties" in result:
        result.pop("propertyNames", None)
        result.setdefault("additionalProperties", False)
    return result


def _plain_schema() -> Node:
    mapping = {
        "type": "object",
        "propertyNames": {"not": {"pattern": r"^\$"}},
        "additionalProperties": _PLAIN,
    }
    values = {"type": ["null", "boolean", "number", "string"]}
    return {"description": "any YAML value", "anyOf": [values, {"type": "array", "items": _PLAIN}, mapping]}


def _take_arguments(node: Node, value: Node, refused: Mapping[str, str]) -> None:
    """Let the mapping `node` accept keyword arguments, except those that the harness sets itself."""
    node.pop("patternProperties", None)
    node["propertyNames"] = {"pattern": NAME_PATTERN} | ({"not": {"enum": list(refused)}} if refused else {})
    node["additionalProperties"] = value


def _matrix(root: Node) -> Node:
    """`matrix`: every key of the file with a list of what that key accepts."""
    axes: Node = {}
    patterns: Node = {}
    for path, node in _paths(root["properties"], root["$defs"]):
        axes[path] = _list_of(node)
        if path in _OPEN:
            patterns[rf"^{re.escape(path)}(\.{_KEY_PART})+$"] = _list_of({})
    return {
        "description": root["properties"]["matrix"]["description"],
        "type": "object",
        "properties": axes,
        "patternProperties": patterns,
        "additionalProperties": False,
    }


def _paths(properties: Node, definitions: Node, prefix: str = "") -> Iterator[tuple[str, Node]]:
    for name, node in properties.items():
        if name == "matrix":
            continue
        yield prefix + name, node
        for branch in [node, *node.get("anyOf", [])]:
            target = branch.get("$ref", "").rpartition("/")[2]
            if target not in ("", "value", "plain", NUMBERS):
                yield from _paths(definitions[target]["properties"], definitions, f"{prefix}{name}.")


def _list_of(node: Node) -> Node:
    return {"type": "array", "minItems": 1, "items": {key: node[key] for key in node if key != "default"}}


def _rules(required: Mapping[str, list[str]]) -> Iterator[Node]:
    """Rules across keys, which apply unless the matrix gives one of the keys."""
    yield _unless_in_matrix({"required": ["pipeline"]}, "pipeline")
    yield _unless_in_matrix({"required": ["model"]}, "model", "model.id")
    yield _unless_in_matrix(
        {"properties": {"model": {"required": required["model.id"]}}}, "model", "model.id"
    )
    yield _unless_in_matrix(
        _implies({"golden": {"const": "optional"}}, {"expect": {"type": "array", "minItems": 1}}),
        "golden",
        "expect",
    )
    yield _unless_in_matrix(
        _implies({"seed": {"const": None}}, {"generator": {"const": "none"}}), "seed", "generator"
    )
    yield _unless_in_matrix({"not": _STEPS_TWICE}, "steps", "call")
    no_generator = {
        "items": {"not": {"properties": {"generator": {"const": True}}, "required": ["generator"]}}
    }
    unseeded = {"properties": {"generator": {"const": "none"}}, "required": ["generator"]}
    yield _unless_in_matrix(
        {"anyOf": [{"not": unseeded}, {"properties": {"before": no_generator}}]}, "generator", "before"
    )


def _implies(given: Node, then: Node) -> Node:
    return {
        "if": {"properties": given, "required": list(given)},
        "then": {"properties": then, "required": list(then)},
    }


def _unless_in_matrix(rule: Node, *keys: str) -> Node:
    in_matrix = {"anyOf": [{"required": [key]} for key in keys]}
    return {"anyOf": [rule, {"properties": {"matrix": in_matrix}, "required": ["matrix"]}]}
