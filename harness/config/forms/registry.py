"""The `$` forms, for what YAML cannot express in `call`: a registry, and the walk that checks them.

A new form is one more entry in `FORMS`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from harness.config.forms.files import FILE as FILE_FORM
from harness.config.forms.files import is_file
from harness.config.forms.form import Form
from harness.config.forms.numbers import ARRAY, TENSOR
from harness.config.forms.objects import MAP, OBJECT
from harness.config.forms.synthetic import GRADIENT, NOISE
from harness.config.wording import joined, listing, shown, unknown
from harness.errors import Problem

FILE = "$file"


def _tuple_schema() -> Mapping[str, object]:
    return {"type": "array", "items": {"$ref": "#/$defs/value"}}


def _check_tuple(key: str, argument: object) -> Iterator[Problem]:
    if not isinstance(argument, list):
        yield Problem("", key, shown(argument), "expected a list, the items of the tuple")


FORMS: Mapping[str, Form] = {
    FILE: FILE_FORM,
    "$tuple": Form(_tuple_schema, _check_tuple, holds_values=True),
    "$map": MAP,
    "$object": OBJECT,
    "$noise": NOISE,
    "$gradient": GRADIENT,
    "$tensor": TENSOR,
    "$array": ARRAY,
}


def problems(value: object, path: str, forms: Mapping[str, Form] = FORMS) -> Iterator[Problem]:
    """What is wrong with the `$` forms anywhere inside `value`, which is at the key `path`."""
    for key, mapping in _mappings(value, path):
        for name in mapping:
            if name.startswith("$"):
                yield from _problems(joined(key, name), name, mapping, forms)


def files(value: object, path: str) -> Iterator[tuple[str, str]]:
    """The key and the argument of each well-formed `$file` inside `value`."""
    for key, mapping in _mappings(value, path):
        if len(mapping) == 1 and is_file(mapping.get(FILE)):
            yield joined(key, FILE), str(mapping[FILE])


def value_schema() -> Mapping[str, object]:
    """The JSON Schema of any value in `call`, forms included."""
    this: Mapping[str, object] = {"$ref": "#/$defs/value"}
    plain = {"type": "object", "propertyNames": {"not": {"pattern": r"^\$"}}, "additionalProperties": this}
    one_form = [
        {
            "type": "object",
            "properties": {name: form.schema()},
            "required": [name],
            "additionalProperties": False,
        }
        for name, form in FORMS.items()
    ]
    return {
        "description": f"any YAML value, or one of {listing(FORMS)} for what YAML cannot express",
        "anyOf": [
            {"type": ["null", "boolean", "number", "string"]},
            {"type": "array", "items": this},
            plain,
            *one_form,
        ],
    }


def _problems(
    key: str, name: str, mapping: Mapping[str, object], forms: Mapping[str, Form]
) -> Iterator[Problem]:
    if name not in forms:
        message = (
            unknown("unknown form", name, forms) if forms else "forms such as $file belong inside `call`"
        )
    elif len(mapping) > 1:
        message = f"{name} must be the only key of its mapping"
    else:
        yield from forms[name].check(key, mapping[name])
        return
    yield Problem("", key, shown(mapping[name]), message)


def _mappings(value: object, path: str) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Every mapping inside `value` with its key, including the arguments of forms that contain values."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _mappings(item, joined(path, index))
    elif isinstance(value, Mapping):
        yield path, value
        for name, item in value.items():
            form = FORMS.get(name)
            if form is None or form.holds_values:
                yield from _mappings(item, joined(path, name))
