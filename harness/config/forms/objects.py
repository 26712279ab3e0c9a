"""`$map` and `$object`: mappings with keys other than text, and diffusers' dataclasses, such as video conditions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from harness.config.forms.form import Form
from harness.config.wording import joined, shown
from harness.errors import Problem

CLASS = "class"
"""The key of `$object` that names the class; all others are its fields."""

_PAIRS = "expected a list of pairs [key, value], each key a number, a text, true or false"
_OBJECT = "expected a mapping with `class`, one of diffusers' dataclasses, and its fields"
_VALUE: Mapping[str, object] = {"$ref": "#/$defs/value"}


def _map_schema() -> Mapping[str, object]:
    pair = {
        "type": "array",
        "prefixItems": [{"type": ["number", "string", "boolean"]}, _VALUE],
        "minItems": 2,
        "maxItems": 2,
    }
    return {"type": "array", "items": pair}


def _check_map(key: str, argument: object) -> Iterator[Problem]:
    if not isinstance(argument, list):
        yield Problem("", key, shown(argument), _PAIRS)
        return
    seen: list[tuple[type, object]] = []
    for index, pair in enumerate(argument):
        place = joined(key, index)
        if not (isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], int | float | str)):
            yield Problem("", place, shown(pair), _PAIRS)
            continue
        if (type(pair[0]), pair[0]) in seen:
            yield Problem("", place, shown(pair), "the key occurs twice; keep one")
        seen.append((type(pair[0]), pair[0]))


def _object_schema() -> Mapping[str, object]:
    return {
        "type": "object",
        "properties": {CLASS: {"type": "string", "description": "a dataclass of diffusers"}},
        "required": [CLASS],
        "additionalProperties": _VALUE,
    }


def _check_object(key: str, argument: object) -> Iterator[Problem]:
    if not isinstance(argument, Mapping):
        yield Problem("", key, shown(argument), _OBJECT)
    elif CLASS not in argument:
        yield Problem("", joined(key, CLASS), None, f"missing; {_OBJECT}")
    elif not (isinstance(argument[CLASS], str) and argument[CLASS].isidentifier()):
        yield Problem("", joined(key, CLASS), shown(argument[CLASS]), "expected the name of a class")


MAP = Form(_map_schema, _check_map, holds_values=True)
OBJECT = Form(_object_schema, _check_object, holds_values=True)
