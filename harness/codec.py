"""Converts frozen dataclasses to JSON text and back; pydantic validates what is read."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping
from functools import cache
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from harness.core.text import NotText, conflict_in, decoded

T = TypeVar("T")

_BOM = "\ufeff"


@cache
def _adapter(kind: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(cast(Any, kind))


def prepare(*kinds: Hashable) -> None:
    """Build what reads and writes these types; otherwise the first text of each does."""
    for kind in kinds:
        _adapter(kind)


def to_json(value: object, kind: object | None = None, *, indent: int | None = None) -> str:
    """`value` as JSON text; non-finite numbers become null. `kind` is its type, needed for unions."""
    return _adapter(kind or type(value)).dump_json(value, indent=indent).decode()


def from_json(kind: type[T], text: str | bytes) -> T:
    """The `kind` that `text` describes, ignoring a byte order mark; raises `pydantic.ValidationError`."""
    plain = text.removeprefix(_BOM) if isinstance(text, str) else text.removeprefix(_BOM.encode())
    return cast(T, _adapter(cast(Hashable, kind)).validate_json(plain))


def why_not(error: ValidationError, text: str | bytes) -> str:
    """Why `text` does not describe what was expected, in one line without a full stop.

    Names an unresolved merge conflict or another encoding, else the first problem in `error`.
    """
    if not error.errors(include_url=False, include_context=False, include_input=False)[0]["loc"]:
        if marker := conflict_in(text):
            return str(marker)
        try:
            decoded(text if isinstance(text, bytes) else text.encode())
        except NotText as other:
            return str(other)
    return first_problem(error, "the file")


def first_problem(error: ValidationError, whole: str = "as a whole") -> str:
    """The first problem in `error`: its place (`whole` if it concerns everything) and what is wrong there."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place or whole}: {first['msg']}"


def as_mapping(text: str | bytes) -> Mapping[str, object]:
    """The JSON object in `text`; an empty one if it is no JSON, or another value."""
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
