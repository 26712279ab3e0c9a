"""`$tensor` and `$array`: numbers written in the config, such as timesteps, masks and token ids."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping

from harness.config.forms.form import Form
from harness.config.wording import alternatives, joined, shown, suggestion, unknown
from harness.errors import Problem

_WHOLE = {
    "int64": (-(2**63), 2**63 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "int16": (-(2**15), 2**15 - 1),
    "int8": (-(2**7), 2**7 - 1),
    "uint8": (0, 2**8 - 1),
}
TENSOR_DTYPES = ("float32", "float16", "bfloat16", "float64", *_WHOLE, "bool")
ARRAY_DTYPES = tuple(name for name in TENSOR_DTYPES if name != "bfloat16")
NUMBERS = "numbers"
"""The name of the definition in the JSON Schema to which the forms refer."""

_ACCEPTED = "expected a number, or a list of numbers or of such lists"
_KEYS = ("values", "dtype")


def numbers_schema() -> Mapping[str, object]:
    """The JSON Schema of a number or of nested lists of numbers."""
    nested = {"type": "array", "minItems": 1, "items": {"$ref": f"#/$defs/{NUMBERS}"}}
    return {
        "description": "numbers, nested as deep as there are dimensions",
        "anyOf": [{"type": ["number", "boolean"]}, nested],
    }


def _form(dtypes: tuple[str, ...]) -> Form:
    return Form(functools.partial(_schema, dtypes), functools.partial(_problems, dtypes))


def _schema(dtypes: tuple[str, ...]) -> Mapping[str, object]:
    values = {"$ref": f"#/$defs/{NUMBERS}"}
    described: dict[str, object] = {
        "values": {**values, "description": "the numbers, in lists nested as deep as there are dimensions"},
        "dtype": {
            "description": "without it bool, int64 or float32, the first that holds all values",
            "enum": list(dtypes),
        },
    }
    mapping = {
        "type": "object",
        "properties": described,
        "required": ["values"],
        "additionalProperties": False,
    }
    return {"anyOf": [values, mapping]}


def _problems(dtypes: tuple[str, ...], key: str, argument: object) -> Iterator[Problem]:
    if not isinstance(argument, Mapping):
        yield from _value_problems(key, argument, None)
        return
    for name in argument:
        if name not in _KEYS:
            yield Problem("", joined(key, name), None, unknown("unknown key", name, _KEYS))
    dtype = argument.get("dtype", dtypes[0])
    if dtype not in dtypes:
        hint = suggestion(dtype, dtypes) if isinstance(dtype, str) else ""
        yield Problem("", joined(key, "dtype"), shown(dtype), f"expected {alternatives(list(dtypes))}{hint}")
    if "values" not in argument:
        yield Problem("", joined(key, "values"), None, f"missing; {_ACCEPTED}")
        return
    stated = str(dtype) if dtype in dtypes and "dtype" in argument else None
    yield from _value_problems(joined(key, "values"), argument["values"], stated)


def _value_problems(key: str, values: object, dtype: str | None) -> Iterator[Problem]:
    wrong = list(_no_numbers(key, values))
    yield from wrong
    if wrong:
        return
    if _shape(values) is None:
        yield Problem("", key, shown(values), "lists at the same depth differ in length; make them equal")
    numbers = list(_leaves(values))
    kind = dtype or _kind(numbers)
    misfit = next((number for number in numbers if not _fits(number, kind)), None)
    if misfit is not None:
        yield Problem(
            "", key, shown(misfit), f"does not fit {kind}; change the value or give another `dtype`"
        )


def _no_numbers(key: str, values: object) -> Iterator[Problem]:
    if isinstance(values, list) and values:
        for index, value in enumerate(values):
            yield from _no_numbers(joined(key, index), value)
    elif not isinstance(values, int | float):
        yield Problem("", key, shown(values), _ACCEPTED)


def _shape(values: object) -> tuple[int, ...] | None:
    """The dimensions of nested lists; None if they are not a box."""
    if not isinstance(values, list):
        return ()
    inner = {_shape(value) for value in values}
    [only] = inner if len(inner) == 1 else [None]
    return None if only is None else (len(values), *only)


def _leaves(values: object) -> Iterator[int | float]:
    if isinstance(values, list):
        for value in values:
            yield from _leaves(value)
    elif isinstance(values, int | float):
        yield values


def _kind(numbers: list[int | float]) -> str:
    if all(isinstance(number, bool) for number in numbers):
        return "bool"
    return "int64" if all(isinstance(number, int) for number in numbers) else "float32"


def _fits(number: int | float, dtype: str) -> bool:
    if dtype == "bool":
        return number in (0, 1)
    if dtype in _WHOLE:
        low, high = _WHOLE[dtype]
        return isinstance(number, int) and low <= number <= high
    return True


TENSOR = _form(TENSOR_DTYPES)
ARRAY = _form(ARRAY_DTYPES)
