"""The conditioning of a denoiser: encoded prompts that name the digit to draw, and sometimes the empty prompt."""

import random

import torch
from torch import Tensor

from harness.zoo.train import prompts, text, tokenizer

PHRASINGS = 64
_EMPTY = prompts.NO_DIGIT * PHRASINGS
_EMPTY_PROMPT_SHARE = 0.1


class PromptBook:
    """64 encoded prompts per digit and the empty one, in rows.

    `states` is float32 (641, 16, 48), `summaries` float32 (641, 48), `masks` bool (641, 16), true where a
    token is not padding.
    """

    @torch.no_grad()
    def __init__(self, encoder: text.TextEncoder, draw: random.Random) -> None:
        texts = [prompts.naming(digit, draw) for digit in range(prompts.NO_DIGIT) for _ in range(PHRASINGS)]
        encoded = text.encoded([*texts, ""], tokenizer.build())
        self.masks = encoded.attention_mask.bool()
        self.states = encoder(encoded.input_ids).last_hidden_state
        self.summaries = text.summary(encoder, encoded.input_ids)

    def draw(self, digits: Tensor, generator: torch.Generator) -> Tensor:
        """Return a random row for each digit, int64 (batch,); one in ten is the empty prompt's."""
        phrasing = torch.randint(PHRASINGS, digits.shape, generator=generator)
        dropped = torch.rand(digits.shape, generator=generator) < _EMPTY_PROMPT_SHARE
        return torch.where(dropped, _EMPTY, digits * PHRASINGS + phrasing)

    def is_empty(self, rows: Tensor) -> Tensor:
        """Return which rows are the empty prompt's, bool (batch,)."""
        return rows == _EMPTY
