"""Frozen dataclasses to JSON text and back, validated by pydantic on the way in."""

from __future__ import annotations

from functools import lru_cache
from typing import TypeVar, cast

from pydantic import TypeAdapter

T = TypeVar("T")


@lru_cache(maxsize=None)
def _adapter(kind: object) -> TypeAdapter[object]:
    return TypeAdapter(kind)


def to_json(value: object, kind: object | None = None, *, indent: int | None = None) -> str:
    """`value` as JSON text; numbers that are not finite become null. `kind` is its type, for unions."""
    return _adapter(kind or type(value)).dump_json(value, indent=indent).decode()


def from_json(kind: type[T], text: str | bytes) -> T:
    """The `kind` that `text` describes; raises `pydantic.ValidationError` where it does not."""
    return cast(T, _adapter(kind).validate_json(text))
