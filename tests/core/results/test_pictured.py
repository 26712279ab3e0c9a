"""Tests for what `show` drew, as its JSON has it."""

from __future__ import annotations

from harness.codec import from_json, to_json
from harness.core.results.pictured import PicturedCase, PicturedOutput


def test_it_is_the_same_after_a_way_through_json() -> None:
    output = PicturedOutput(
        "images", "picture", "uint8 [1, 2, 2, 3]", ("a note",), ("a.png", "b.png"), "c.png"
    )
    for case in (PicturedCase("a", "golden", None, (output,), ("no run",)), PicturedCase("b", None, None)):
        assert from_json(PicturedCase, to_json(case)) == case
