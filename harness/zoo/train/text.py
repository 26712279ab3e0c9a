"""Trains the text encoders: CLIP text models that learn to classify the digit in a prompt and are then frozen.

Trained together with a denoiser, such a small encoder stays at chance. Trained first, on text alone, it
separates the digits well before a denoiser uses it.
"""

import logging
import random
from pathlib import Path
from typing import TypeAlias

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import (
    BatchEncoding,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
)

from harness.zoo.train import prompts, tokenizer
from harness.zoo.train.fit import Recipe, fit

RECIPE = Recipe(steps=800, batch=64, learning_rate=2e-3, ema=0.99)
WIDTH = 48
_PROMPTS = 8192
_CHECKED = 2048
_PREFIX = "text_model."

TextEncoder: TypeAlias = CLIPTextModel | CLIPTextModelWithProjection

_log = logging.getLogger(__name__)


def trained(
    kind: type[TextEncoder],
    generator: torch.Generator,
    recipe: Recipe = RECIPE,
) -> TextEncoder:
    """Return a frozen text encoder of `kind`: two layers, 48 wide, 16 tokens."""
    draw = random.Random(generator.initial_seed())
    encoder = kind(_config(tokenizer.build()))
    head = nn.Linear(WIDTH, prompts.NO_DIGIT + 1)
    ids, labels = _examples(_PROMPTS, draw)

    def loss_of(chosen: Tensor) -> Tensor:
        return F.cross_entropy(head(summary(encoder, ids[chosen])), labels[chosen])

    loss = fit(nn.ModuleList([encoder, head]), loss_of, len(ids), recipe, generator)
    _log.info("text encoder: loss %.4f, accuracy %.4f", loss, _accuracy(encoder, head, draw))
    return encoder.requires_grad_(False)


def save(encoder: TextEncoder, folder: Path) -> None:
    """Write the encoder with weight names that both transformers 4 and 5 read.

    Version 5 writes a CLIPTextModel without the prefix `text_model.`; version 4 then finds none of its
    weights, warns, and continues with random ones.
    """
    encoder.save_pretrained(folder, safe_serialization=True)
    file = folder / "model.safetensors"
    known = (_PREFIX, "text_projection.")
    weights = {
        name if name.startswith(known) else _PREFIX + name: weight for name, weight in load_file(file).items()
    }
    save_file(weights, file, metadata={"format": "pt"})


def encoded(texts: list[str], words: CLIPTokenizer) -> BatchEncoding:
    """Return padded `input_ids` and `attention_mask`, int64 (len(texts), 16), like the pipelines do."""
    return words(
        texts, padding="max_length", max_length=words.model_max_length, truncation=True, return_tensors="pt"
    )


def summary(encoder: TextEncoder, ids: Tensor) -> Tensor:
    """Return one vector per prompt, float32 (batch, 48): the projected or else the pooled end-token state."""
    output = encoder(ids)
    return output.text_embeds if isinstance(encoder, CLIPTextModelWithProjection) else output.pooler_output


def _examples(count: int, draw: random.Random) -> tuple[Tensor, Tensor]:
    texts, labels = prompts.labelled(count, draw)
    return encoded(texts, tokenizer.build()).input_ids, torch.tensor(labels)


@torch.no_grad()
def _accuracy(encoder: TextEncoder, head: nn.Module, draw: random.Random) -> float:
    ids, labels = _examples(_CHECKED, draw)
    return (head(summary(encoder, ids)).argmax(1) == labels).float().mean().item()


def _config(words: CLIPTokenizer) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=len(words),
        hidden_size=WIDTH,
        intermediate_size=4 * WIDTH,
        projection_dim=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=words.model_max_length,
        bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
    )
