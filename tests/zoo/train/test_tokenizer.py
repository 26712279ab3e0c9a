"""Known words are one token, others still have a spelling, and the committed folders hold this tokenizer."""

import random

import pytest
from transformers import CLIPTokenizer

from harness import zoo
from harness.zoo.train import prompts, text, tokenizer


@pytest.fixture(scope="module")
def words() -> CLIPTokenizer:
    return tokenizer.build()


@pytest.mark.parametrize("word", [*prompts.DIGIT_WORDS, *prompts.OTHER_WORDS, *"0123456789"])
def test_known_words_are_one_token(words: CLIPTokenizer, word: str) -> None:
    ids = words(word).input_ids
    assert len(ids) == 3
    assert ids[0] == words.bos_token_id
    assert ids[2] == words.eos_token_id


def test_unknown_words_are_spelled_out(words: CLIPTokenizer) -> None:
    ids = words("Zebra über 漢").input_ids
    assert words.unk_token_id not in ids[1:-1]


def test_training_prompts_fit(words: CLIPTokenizer) -> None:
    texts, _ = prompts.labelled(2000, random.Random(0))
    assert max(len(ids) for ids in words(texts).input_ids) <= tokenizer.TOKENS


@pytest.mark.parametrize("name", ["sd-digits", "unclip-digits"])
def test_committed_folder_holds_this_tokenizer(words: CLIPTokenizer, name: str) -> None:
    folder = zoo.model_dir(name) / "tokenizer"
    texts, _ = prompts.labelled(200, random.Random(1))
    committed = CLIPTokenizer.from_pretrained(folder)
    assert committed.model_max_length == tokenizer.TOKENS
    assert text.encoded(texts, committed).input_ids.equal(text.encoded(texts, words).input_ids)
    assert {"tokenizer.json", "vocab.json", "merges.txt"} <= {path.name for path in folder.iterdir()}
