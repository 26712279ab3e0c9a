"""Single YAML scalars: what each reads as, and which are refused as traps."""

from __future__ import annotations

import pytest
import yaml

from harness.config.yaml.scalars import MERGE, Refused, scalar, short_tag


def event(written: str) -> yaml.ScalarEvent:
    (found,) = [one for one in yaml.parse(written) if isinstance(one, yaml.ScalarEvent)]
    return found


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("7", 7),
        ("0x1F", 31),
        ("1_000", 1000),
        ("-0", 0),
        ("1e-4", 0.0001),
        ("1.0e-4", 0.0001),
        (".5", 0.5),
        ("yes", True),
        ("OFF", False),
        ("~", None),
        ("null", None),
        ("'7'", "7"),
        ("! 7", "7"),
        ("!!str 7", "7"),
        ("!!float 7", 7.0),
        ("a: b".partition(":")[0], "a"),
    ],
)
def test_plain_data(written: str, value: object) -> None:
    found = scalar(event(written), is_key=False)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("010", "octal"),
        ("1:30", "base-60"),
        ("1:30.5", "base-60"),
        ("2024-01-31", "date"),
        (".inf", "finite"),
        ("18446744073709551616", "64 bits"),
        ("!!int seven", "not a whole number"),
        ("!!bool maybe", "neither true nor false"),
        ("!!python/name:os.system x", "the tag !!python/name:os.system is not accepted"),
    ],
)
def test_traps_are_refused(written: str, complaint: str) -> None:
    with pytest.raises(Refused, match=complaint):
        scalar(event(written), is_key=False)


def test_two_angles_merge_only_as_a_key() -> None:
    assert scalar(event("<<"), is_key=True) is MERGE
    assert scalar(event("<<"), is_key=False) == "<<"
    assert scalar(event("'<<'"), is_key=True) == "<<"


def test_tags_are_shown_as_they_are_written() -> None:
    assert short_tag("tag:yaml.org,2002:python/tuple") == "!!python/tuple"
    assert short_tag("!mine") == "!mine"
    assert short_tag(None) == ""
