from __future__ import annotations

from harness.core.schema import other_schema


def test_a_newer_and_an_older_schema() -> None:
    assert other_schema(3, 2, "x") == (
        "has schema 3, but this harness reads 2; a newer harness wrote it: upgrade the harness"
    )
    assert other_schema(1, 2, "record the case again", word="trace version") == (
        "has trace version 1, but this harness reads 2; an older harness wrote it: record the case again"
    )
