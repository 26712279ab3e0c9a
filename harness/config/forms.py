"""The `$` forms that stand for what YAML cannot say in `call`: a registry, and the checks of their syntax.

A new form is one more entry in `FORMS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from harness.config.wording import joined, listing, shown, unknown
from harness.errors import Problem

FILE = "$file"
TUPLE = "$tuple"
FILE_SUFFIXES = (".png", ".jpg", ".jpeg", ".npy", ".safetensors", ".wav", ".mp4", ".gif")
FILE_PATTERN = r"^[^#\x00]*[^#/\x00](\.(png|jpg|jpeg|npy|wav|mp4|gif)|\.safetensors(#[^\x00]+)?)$"

_FILE = re.compile(FILE_PATTERN)


@dataclass(frozen=True, slots=True)
class Form:
    """One `$` form: the JSON Schema of its argument, the same as a check, whether values lie inside it."""

    schema: Mapping[str, object]
    wrong: Callable[[object], str | None]
    holds_values: bool = False


def _wrong_file(argument: object) -> str | None:
    if isinstance(argument, str) and _FILE.fullmatch(argument):
        return None
    if isinstance(argument, str) and "#" in argument:
        return "expected a path; only .safetensors takes a #key behind it"
    return f"expected a path that ends in {listing(FILE_SUFFIXES)} (.safetensors also with #key)"


def _wrong_tuple(argument: object) -> str | None:
    return None if isinstance(argument, list) else "expected a list, the items of the tuple"


FORMS: Mapping[str, Form] = {
    FILE: Form({"type": "string", "pattern": FILE_PATTERN}, _wrong_file),
    TUPLE: Form({"type": "array", "items": {"$ref": "#/$defs/value"}}, _wrong_tuple, holds_values=True),
}


def problems(value: object, path: str, forms: Mapping[str, Form] = FORMS) -> Iterator[Problem]:
    """What is wrong with the `$` forms anywhere inside `value`, which stands at the key `path`."""
    for key, mapping in _mappings(value, path):
        names = [name for name in mapping if name.startswith("$")]
        for name in names:
            message = _wrong(name, mapping, forms)
            if message:
                yield Problem("", joined(key, name), shown(mapping[name]), message)


def files(value: object, path: str) -> Iterator[tuple[str, str]]:
    """The key and the argument of each well-formed `$file` inside `value`."""
    for key, mapping in _mappings(value, path):
        if FILE in mapping and _wrong(FILE, mapping, FORMS) is None:
            yield joined(key, FILE), str(mapping[FILE])


def value_schema() -> Mapping[str, object]:
    """The JSON Schema of any value in `call`, forms included."""
    this: Mapping[str, object] = {"$ref": "#/$defs/value"}
    plain = {"type": "object", "propertyNames": {"not": {"pattern": r"^\$"}}, "additionalProperties": this}
    one_form = [
        {
            "type": "object",
            "properties": {name: form.schema},
            "required": [name],
            "additionalProperties": False,
        }
        for name, form in FORMS.items()
    ]
    return {
        "description": f"any YAML value, or one of {listing(FORMS)} for what YAML cannot say",
        "anyOf": [
            {"type": ["null", "boolean", "number", "string"]},
            {"type": "array", "items": this},
            plain,
            *one_form,
        ],
    }


def _wrong(name: str, mapping: Mapping[str, object], forms: Mapping[str, Form]) -> str | None:
    if name not in forms:
        return unknown("unknown form", name, forms) if forms else "forms such as $file belong inside `call`"
    if len(mapping) > 1:
        return f"{name} must be the only key of its mapping"
    return forms[name].wrong(mapping[name])


def _mappings(value: object, path: str) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Every mapping inside `value` with its key, the arguments of forms that hold values included."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _mappings(item, joined(path, index))
    elif isinstance(value, Mapping):
        yield path, value
        for name, item in value.items():
            form = FORMS.get(name)
            if form is None or form.holds_values:
                yield from _mappings(item, joined(path, name))
