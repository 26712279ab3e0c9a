"""The JSON Schemas of the reports, made from the types that write them, with their docstrings as descriptions."""

from __future__ import annotations

import json
import re
from typing import Any, get_args

from pydantic import TypeAdapter

from harness.core.results.reasons import Reason
from harness.core.results.verdict import Verdict
from harness.core.tolerance import METRIC_TABLE
from harness.report.json_report import SCHEMA, CandidatesDocument, ReportDocument

Node = dict[str, Any]

_DRAFT = "https://json-schema.org/draft/2020-12/schema"

_REASONS = {one.__name__ for one in get_args(Reason)}

_NUMBER_OR_NULL = {"anyOf": [{"type": "number"}, {"type": "null"}]}

_HELD = {"properties", "$defs"}
"""Keys whose values are schemas by name, so that no name is taken for a keyword."""


def report_schema() -> str:
    """The JSON Schema (draft 2020-12) of report.json, of what `--json` of `verify` and `report` writes, as pretty JSON.

    It allows further keys: a later version may add some without another `schema`.
    """
    return _text(TypeAdapter(ReportDocument).json_schema(mode="serialization"), "Report of harness verify")


def candidates_schema() -> str:
    """The same of candidates.json, what `--json` of `verify --with` writes: a report for one candidate, else a list."""
    either = ReportDocument | CandidatesDocument
    return _text(
        TypeAdapter(either).json_schema(mode="serialization"), "Report of harness verify under other versions"
    )


def _text(root: Node, title: str) -> str:
    tidied = _tidied(root)
    definitions = tidied.pop("$defs")
    for node in (tidied, *definitions.values()):
        _tell_apart(node.get("properties", {}), node)
    definitions["Tensor"]["properties"]["metrics"]["properties"] = {
        name: {"description": metric.meaning, **_NUMBER_OR_NULL} for name, metric in METRIC_TABLE.items()
    }
    definitions["Reason"] = {
        "description": "why a verdict was given; `kind` says which of these it is",
        "anyOf": [{"$ref": f"#/$defs/{name}"} for name in sorted(_REASONS)],
    }
    document = {"$schema": _DRAFT, "title": title, **tidied, "$defs": dict(sorted(definitions.items()))}
    return json.dumps(document, indent=2)


def _tell_apart(properties: Node, node: Node) -> None:
    """State what tells documents and reasons apart: the version of the one, the kind of the other."""
    if "schema" in properties:
        properties["schema"] = {"description": "the version of this form", "const": SCHEMA}
    if "summary" in properties:
        properties["summary"]["propertyNames"] = {"enum": [str(one) for one in Verdict]}
    if "const" in properties.get("kind", {}):
        properties["kind"] = {"const": properties["kind"]["const"]}
        node["required"] = [*node.get("required", []), "kind"]


def _tidied(node: Any) -> Any:
    """Without generated titles; definitions are called by their own names, and a reason is one definition."""
    if isinstance(node, list):
        return [_tidied(one) for one in node]
    if not isinstance(node, dict):
        return node
    if _refers_to_reasons(node):
        others = [one for one in node["anyOf"] if _name(one.get("$ref", "")) not in _REASONS]
        reason = {"$ref": "#/$defs/Reason"}
        return reason if not others else {"anyOf": [*_tidied(others), reason]}
    result: Node = {}
    for key, value in node.items():
        if key in _HELD:
            result[key] = {
                _name(name) if key == "$defs" else name: _tidied(one) for name, one in value.items()
            }
        elif key == "$ref":
            result[key] = f"#/$defs/{_name(value)}"
        elif key == "description":
            result[key] = re.sub(r"\bNone\b", "null", " ".join(value.split()))
        elif key != "title":
            result[key] = _tidied(value) if key not in ("default", "enum") else value
    return result


def _refers_to_reasons(node: Node) -> bool:
    named = {_name(one.get("$ref", "")) for one in node.get("anyOf", ())}
    return named >= _REASONS


def _name(reference: str) -> str:
    """The name in a reference, without what makes it ours: `#/$defs/CaseForm` gives `Case`."""
    return re.sub(r"(?<=.)(Form|Document)$", "", reference.rpartition("/")[2].lstrip("_"))
