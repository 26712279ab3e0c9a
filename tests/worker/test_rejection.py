"""A rejection starts with the offending key and value and ends with what to do."""

from __future__ import annotations

from harness.worker.rejection import Lacking, Rejection


def test_the_message_starts_with_key_and_value() -> None:
    error = Rejection("call.strenght", 0.5, "accepted: strength; use one of these names")
    assert str(error) == "call.strenght = 0.5: accepted: strength; use one of these names"
    assert (error.key, error.value) == ("call.strenght", 0.5)


def test_what_is_lacking_is_told_apart_from_what_to_do() -> None:
    error = Lacking("pipeline", "New", "diffusers 1.0 has no such class", "name another", name="New")
    assert str(error) == "pipeline = 'New': diffusers 1.0 has no such class; name another"
    assert (error.name, error.fact) == ("New", "diffusers 1.0 has no such class")
    assert (
        str(Lacking("call.x.class", "New", "there is none", name="New"))
        == "call.x.class = 'New': there is none"
    )
