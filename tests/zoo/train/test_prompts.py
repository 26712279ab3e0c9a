"""Random prompts name the digit that they are labelled with, or none."""

import random
import re

import pytest

from harness.zoo.train import prompts

NUMERALS = re.compile(r"\b\d\b")


def named(prompt: str) -> set[int]:
    """The digits that a prompt names, as words or numerals."""
    words = prompt.split()
    spelled = {number for number, word in enumerate(prompts.DIGIT_WORDS) if word in words}
    return spelled | {int(numeral) for numeral in NUMERALS.findall(prompt)}


@pytest.mark.parametrize("digit", range(10))
def test_a_prompt_names_its_digit_in_either_way_and_no_other(digit: int) -> None:
    draw = random.Random(digit)
    found = [prompts.naming(digit, draw) for _ in range(300)]
    assert all(named(prompt) == {digit} for prompt in found)
    spelled = sum(prompts.DIGIT_WORDS[digit] in prompt.split() for prompt in found)
    assert 100 < spelled < 200
    assert len(set(found)) > 100


def test_prompts_without_a_digit_name_none_and_are_often_empty() -> None:
    draw = random.Random(0)
    found = [prompts.naming_none(draw) for _ in range(400)]
    assert all(named(prompt) == set() for prompt in found)
    assert 180 < found.count("") < 280


def test_labels_tell_what_the_prompts_name() -> None:
    texts, labels = prompts.labelled(500, random.Random(0))
    assert len(texts) == len(labels) == 500
    assert set(labels) == set(range(11))
    for text, label in zip(texts, labels, strict=True):
        assert named(text) == (set() if label == prompts.NO_DIGIT else {label})


def test_the_same_seed_gives_the_same_prompts() -> None:
    assert prompts.labelled(50, random.Random(3)) == prompts.labelled(50, random.Random(3))
    assert prompts.labelled(50, random.Random(3)) != prompts.labelled(50, random.Random(4))


def test_about_three_in_ten_have_one_made_up_word() -> None:
    draw = random.Random(1)
    known = {*prompts.DIGIT_WORDS, *prompts.OTHER_WORDS, "by", "7"}
    unknown = [set(prompts.naming(7, draw).split()) - known for _ in range(1000)]
    assert 0.24 < sum(map(bool, unknown)) / 1000 < 0.36
    assert max(map(len, unknown)) == 1
    assert all(2 <= len(word) <= 5 for words in unknown for word in words)
