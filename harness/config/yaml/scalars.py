"""Turns one YAML scalar into a JSON value, as YAML 1.1 reads it; refuses traps and anything but plain data."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import yaml

from harness.config.wording import shortened

TAG = "tag:yaml.org,2002:"
MERGE = object()
"""The value of a key `<<`."""

_CORE_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+")
"""YAML 1.2's numbers with an exponent; YAML 1.1 reads them as text unless they have both a dot and a sign."""


class Refused(Exception):
    """A scalar that is not plain data."""


def short_tag(tag: str | None) -> str:
    """`tag` as it is written, such as `!!python/name:x`."""
    return shortened((tag or "").replace(TAG, "!!"))


def scalar(event: Any, is_key: bool) -> object:
    """The value of a scalar event; `MERGE` for a key `<<`. Raises `Refused` if it is not plain data."""
    tag = event.tag
    if tag == "!" or (tag is None and not event.implicit[0]):
        return _checked_text(event.value)
    if tag is None:
        tag = _resolved(event.value)
        if tag == TAG + "merge":
            return MERGE if is_key else event.value
    convert = _CONVERTERS.get(tag)
    if convert is None:
        raise Refused(f"the tag {short_tag(tag)} is not accepted; write plain YAML values")
    return convert(event.value)


_RESOLVER: Any = yaml.resolver.Resolver()
_CONSTRUCTOR: Any = yaml.constructor.SafeConstructor()


def _resolved(text: str) -> str:
    tag: str = _RESOLVER.resolve(yaml.ScalarNode, text, (True, False))
    return TAG + "float" if tag == TAG + "str" and _CORE_FLOAT.fullmatch(text) else tag


def _checked_text(text: str) -> str:
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise Refused("holds half of a surrogate pair; write the character itself")
    return text


def _integer(text: str) -> int:
    digits = text.lstrip("+-")
    if ":" in text:
        raise Refused("YAML reads this as a base-60 number; put it in quotes")
    if digits.startswith("0") and digits[1:2].isdigit():
        raise Refused("YAML reads this as an octal number; leave out the leading 0 or put it in quotes")
    too_long = "a whole number of more than 64 bits; put it in quotes if it is text"
    if len(text) > 80:
        raise Refused(too_long)
    try:
        number = int(_CONSTRUCTOR.construct_yaml_int(yaml.ScalarNode(TAG + "int", text)))
    except (ValueError, IndexError):
        raise Refused("not a whole number") from None
    if not -(2**63) <= number < 2**64:
        raise Refused(too_long)
    return number


def _number(text: str) -> float:
    if ":" in text:
        raise Refused("YAML reads this as a base-60 number; put it in quotes")
    try:
        number = float(_CONSTRUCTOR.construct_yaml_float(yaml.ScalarNode(TAG + "float", text)))
    except (ValueError, IndexError):
        raise Refused("not a number") from None
    if not math.isfinite(number):
        raise Refused("numbers must be finite; put it in quotes if it is text")
    return number


def _boolean(text: str) -> bool:
    try:
        return bool(_CONSTRUCTOR.construct_yaml_bool(yaml.ScalarNode(TAG + "bool", text)))
    except KeyError:
        raise Refused("neither true nor false") from None


def _nothing(_: str) -> None:
    return None


def _date(_: str) -> object:
    raise Refused("YAML reads this as a date; put it in quotes")


_CONVERTERS: Mapping[str, Callable[[str], object]] = {
    TAG + "str": _checked_text,
    TAG + "value": _checked_text,
    TAG + "null": _nothing,
    TAG + "bool": _boolean,
    TAG + "int": _integer,
    TAG + "float": _number,
    TAG + "timestamp": _date,
}
