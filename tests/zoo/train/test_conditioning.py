"""The book of prompts: its rows belong to their digits, and one in ten that are drawn is the empty one."""

import random
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from harness.zoo.train import text, tokenizer
from harness.zoo.train.conditioning import PHRASINGS, PromptBook

DIGITS = torch.arange(10).repeat(400)


def encoder(ids: torch.Tensor) -> Any:
    """In place of a trained one: the token ids themselves, in every number of a state."""
    states = ids[..., None].float().expand(*ids.shape, text.WIDTH)
    return SimpleNamespace(last_hidden_state=states, pooler_output=states.sum(1))


@pytest.fixture(scope="module")
def book() -> PromptBook:
    return PromptBook(encoder, random.Random(0))  # type: ignore[arg-type]


def drawn(book: PromptBook, seed: int = 0) -> torch.Tensor:
    return book.draw(DIGITS, torch.Generator().manual_seed(seed))


def test_the_book_has_64_rows_for_each_digit_and_the_empty_prompt(book: PromptBook) -> None:
    assert book.states.shape == (641, 16, text.WIDTH)
    assert book.summaries.shape == (641, text.WIDTH)
    assert (book.masks.shape, book.masks.dtype) == ((641, 16), torch.bool)
    assert book.masks[640].sum() == 2, "the empty prompt has its beginning and its end"
    assert (book.masks[:640].sum(1) > 2).all()


def test_the_rows_of_a_digit_name_it(book: PromptBook) -> None:
    words = tokenizer.build()
    from harness.zoo.train.prompts import DIGIT_WORDS

    for digit, word in enumerate(DIGIT_WORDS):
        rows = slice(digit * PHRASINGS, (digit + 1) * PHRASINGS)
        texts = [words.decode(row, skip_special_tokens=True) for row in book.states[rows, :, 0].long()]
        assert all(word in text or str(digit) in text for text in texts)


def test_a_drawn_row_is_one_of_its_digit_or_the_empty_one(book: PromptBook) -> None:
    rows = drawn(book)
    empty = book.is_empty(rows)
    assert torch.equal(rows[~empty] // PHRASINGS, DIGITS[~empty])
    assert (rows[empty] == 640).all()
    assert set((rows[~empty] % PHRASINGS).tolist()) == set(range(PHRASINGS))
    assert 0.08 < empty.float().mean() < 0.12


def test_the_generator_decides(book: PromptBook) -> None:
    assert torch.equal(drawn(book), drawn(book))
    assert not torch.equal(drawn(book), drawn(book, seed=1))
