"""Holds the reports that commands write against the JSON Schemas that `harness schema` prints."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from harness.report.formats.json_schema import candidates_schema, report_schema

SCHEMAS: dict[str, Callable[[], str]] = {"report.json": report_schema, "candidates.json": candidates_schema}


def problems(document: object, name: str = "report.json") -> list[str]:
    """What is wrong with a document of this name, keys that its schema does not describe included."""
    return [f"{error.json_path}: {error.message}" for error in _validator(name).iter_errors(document)]


def check(path: Path) -> None:
    """Fail if the report at `path` is not what its schema says."""
    found = problems(json.loads(path.read_text(encoding="utf-8")), path.name)
    assert not found, f"{path.name} is not what `harness schema` says:\n" + "\n".join(found[:5])


class Written:
    """The reports in a folder that a command wrote since this was made; `check` holds them against their schemas."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._before = self._stamps()

    def check(self) -> None:
        """Fail if one is not what its schema says."""
        for path, stamp in self._stamps().items():
            if self._before.get(path) != stamp:
                check(path)

    def _stamps(self) -> dict[Path, int]:
        places = ("out", "out/*", "*")
        found = [
            path for place in places for name in SCHEMAS for path in self._folder.glob(f"{place}/{name}")
        ]
        return {path: path.stat().st_mtime_ns for path in found if path.is_file()}


@cache
def _validator(name: str) -> Draft202012Validator:
    schema = json.loads(SCHEMAS[name]())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(_closed(schema))


def _closed(node: Any) -> Any:
    """The schema without the keys that a later version may add."""
    if isinstance(node, list):
        return [_closed(one) for one in node]
    if not isinstance(node, dict):
        return node
    closed = {key: _closed(value) for key, value in node.items()}
    if node.get("type") == "object" and "properties" in node:
        closed.setdefault("additionalProperties", False)
    return closed
