"""Frozen dataclasses to JSON text and back, validated by pydantic on the way in."""

from __future__ import annotations

from collections.abc import Hashable
from functools import cache
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter

T = TypeVar("T")


@cache
def _adapter(kind: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(cast(Any, kind))


def to_json(value: object, kind: object | None = None, *, indent: int | None = None) -> str:
    """`value` as JSON text; numbers that are not finite become null. `kind` is its type, for unions."""
    return _adapter(kind or type(value)).dump_json(value, indent=indent).decode()


def from_json(kind: type[T], text: str | bytes) -> T:
    """The `kind` that `text` describes; raises `pydantic.ValidationError` where it does not."""
    return cast(T, _adapter(cast(Hashable, kind)).validate_json(text))
