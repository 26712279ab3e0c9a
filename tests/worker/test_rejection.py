"""A rejection starts with the offending key and value and ends with what to do."""

from __future__ import annotations

from harness.worker.rejection import Rejection


def test_the_message_starts_with_key_and_value() -> None:
    error = Rejection("call.strenght", 0.5, "accepted: strength; use one of these names")
    assert str(error) == "call.strenght = 0.5: accepted: strength; use one of these names"
    assert (error.key, error.value) == ("call.strenght", 0.5)
