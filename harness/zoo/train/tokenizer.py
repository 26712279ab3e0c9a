"""Builds the CLIP tokenizer of the text-to-image models: known words are one token, others are pieces."""

import json
from pathlib import Path

from transformers import CLIPTokenizer
from transformers.convert_slow_tokenizer import bytes_to_unicode

from harness.zoo.train.prompts import DIGIT_WORDS, OTHER_WORDS

TOKENS = 16
_WORD_END = "</w>"
_SPECIAL = ("<|startoftext|>", "<|endoftext|>")


def build() -> CLIPTokenizer:
    """Return a tokenizer for prompts of at most 16 tokens, start and end included."""
    merges = _merges()
    vocabulary = _vocabulary(merges)
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=TOKENS)


def save(folder: Path) -> None:
    """Write the tokenizer with `vocab.json` and `merges.txt`, which transformers 4 reads and 5 does not write."""
    build().save_pretrained(folder)
    merges = _merges()
    vocabulary = json.dumps(_vocabulary(merges), ensure_ascii=False, indent=0)
    lines = ["#version: 0.2", *(f"{left} {right}" for left, right in merges)]
    (folder / "vocab.json").write_text(vocabulary + "\n", encoding="utf-8")
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _vocabulary(merges: list[tuple[str, str]]) -> dict[str, int]:
    """Return token -> id in CLIP's order: 256 bytes, 256 bytes that end a word, merged pieces, specials."""
    letters = list(bytes_to_unicode().values())
    tokens = [*letters, *(letter + _WORD_END for letter in letters)]
    tokens += [left + right for left, right in merges]
    return {token: number for number, token in enumerate([*tokens, *_SPECIAL])}


def _merges() -> list[tuple[str, str]]:
    """Return the byte-pair merges that build each known word letter by letter from its start."""
    merges: dict[tuple[str, str], None] = {}
    for word in sorted({*DIGIT_WORDS, *OTHER_WORDS}, key=lambda word: (-len(word), word)):
        pieces = [*word[:-1], word[-1] + _WORD_END]
        for end in range(1, len(pieces)):
            merges["".join(pieces[:end]), pieces[end]] = None
    return list(merges)
