from __future__ import annotations

import pytest

from harness.pictures import wording as module
from harness.pictures.wording import Piece, text_pieces


def test_one_word_changed() -> None:
    assert text_pieces("a red car, fast", "a blue car, fast") == (
        Piece("both", "a "),
        Piece("golden", "red"),
        Piece("now", "blue"),
        Piece("both", " car, fast"),
    )


def test_words_that_are_new_or_gone() -> None:
    assert text_pieces("a b", "a") == (Piece("both", "a"), Piece("golden", " b"))
    assert text_pieces("", "a") == (Piece("now", "a"),)
    assert text_pieces("", "") == ()


def test_long_texts_are_not_compared_word_by_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_WORDS", 2)
    assert text_pieces("a b", "a c") == (Piece("golden", "a b"), Piece("now", "a c"))
    assert text_pieces("a b", "a b") == (Piece("both", "a b"),)
