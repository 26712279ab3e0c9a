"""The JSON Schema of a config file holds together by itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator

from harness.config.nodes import resolved
from harness.config.schema.json_schema import json_schema, tree


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from [node["$ref"]] if "$ref" in node else []
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_it_is_a_schema_of_the_draft_that_it_names() -> None:
    schema = json.loads(json_schema())
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schema)


def test_every_reference_leads_somewhere() -> None:
    found = set(references(tree()))
    assert "#/$defs/Model" in found
    assert all(resolved({"$ref": reference}, tree()) for reference in found)
