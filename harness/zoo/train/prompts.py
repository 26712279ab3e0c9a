"""The vocabulary of the text-to-image models, and random prompts that name one digit or none."""

import random
import string

DIGIT_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
# fmt: off
OTHER_WORDS = (
    "a", "an", "the", "of", "on", "in", "with", "and", "no", "small", "large", "big", "tiny",
    "handwritten", "written", "hand", "digit", "number", "numeral", "figure", "drawing", "picture",
    "image", "sketch", "photo", "white", "black", "grey", "ink", "paper", "background",
)
# fmt: on
NO_DIGIT = len(DIGIT_WORDS)

_FRAMES = (
    "{}",
    "a {}",
    "the {}",
    "a handwritten {}",
    "an image of {}",
    "the digit {}",
    "a handwritten digit {}",
    "the handwritten number {}",
    "a drawing of a {}",
    "a small picture of the number {}",
    "a small handwritten {}",
    "a drawing of the digit {}",
    "a picture of a handwritten {}",
    "{} in black ink on white paper",
    "a tiny sketch of the numeral {}",
    "the figure {} written by hand",
)
_EMPTY_FRAMES = (
    "",
    "a",
    "a digit",
    "a handwritten digit",
    "a small picture",
    "a drawing of a number",
    "paper",
)
_UNKNOWN_WORD_SHARE = 0.3


def naming(digit: int, draw: random.Random) -> str:
    """Return a random prompt that names `digit` (0..9) as a word or a numeral."""
    name = draw.choice((DIGIT_WORDS[digit], str(digit)))
    return _with_unknown_word(draw.choice(_FRAMES).format(name), draw)


def naming_none(draw: random.Random) -> str:
    """Return a random prompt, often the empty one, that names no digit."""
    return draw.choice(("", _with_unknown_word(draw.choice(_EMPTY_FRAMES), draw)))


def labelled(count: int, draw: random.Random) -> tuple[list[str], list[int]]:
    """Return `count` prompts and the digit each one names, `NO_DIGIT` for those that name none."""
    labels = [draw.randrange(NO_DIGIT + 1) for _ in range(count)]
    return [naming_none(draw) if label == NO_DIGIT else naming(label, draw) for label in labels], labels


def _with_unknown_word(prompt: str, draw: random.Random) -> str:
    """Sometimes insert a made-up word, so that the models learn to ignore unknown words."""
    if draw.random() >= _UNKNOWN_WORD_SHARE:
        return prompt
    words = prompt.split()
    made_up = "".join(draw.choices(string.ascii_lowercase, k=draw.randint(2, 5)))
    words.insert(draw.randint(0, len(words)), made_up)
    return " ".join(words)
