"""The prior of `unclip-digits`: image embeddings, and the transformer that predicts them from text."""

import logging
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from diffusers import PriorTransformer, UnCLIPScheduler
from torch import Tensor

from harness.zoo import digit_classifier
from harness.zoo.train import data, text, tokenizer
from harness.zoo.train.conditioning import PromptBook
from harness.zoo.train.diffusion import noised
from harness.zoo.train.fit import Recipe, fit

RECIPE = Recipe(steps=2000, batch=64, learning_rate=2e-3, ema=0.998)
_CLIP_RANGE = 5.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ImageEmbeddings:
    """Embeddings of all images, float32 (1797, 48), and the mean and scale, (1, 48), to normalise them."""

    raw: Tensor
    mean: Tensor
    std: Tensor

    @property
    def normalised(self) -> Tensor:
        """The data that the prior diffuses: float32 (1797, 48), of about unit size."""
        return (self.raw - self.mean) / self.std


def image_embeddings() -> ImageEmbeddings:
    """Return the 48 leading principal components of the images' 8x8 cells, half whitened.

    Dividing by the square root of each component's deviation, instead of the deviation, keeps the important
    components larger, and keeps nearly all values inside the prior scheduler's clipping range.
    """
    cells = torch.from_numpy(digit_classifier.features(data.digit_images(8)[:, 0].numpy() / 2 + 0.5))
    centred = cells - cells.mean(0)
    _, axes = torch.linalg.eigh(centred.T @ centred)
    raw = centred @ axes.flip(1)[:, : text.WIDTH]
    deviation = raw.std(0, keepdim=True)
    half = deviation.sqrt()
    size = (deviation / half).square().mean().sqrt()
    return ImageEmbeddings(raw=raw, mean=raw.mean(0, keepdim=True), std=half * size)


def trained_prior(
    embeddings: ImageEmbeddings, book: PromptBook, recipe: Recipe, generator: torch.Generator
) -> PriorTransformer:
    """Return a prior that predicts clean normalised embeddings and can scale them back."""
    prior, schedule, labels = _prior(), scheduler(), data.digit_labels()
    clean = embeddings.normalised

    def loss_of(chosen: Tensor) -> Tensor:
        rows = book.draw(labels[chosen], generator)
        batch = noised(clean[chosen], schedule, generator)
        prompt = book.summaries[rows], book.states[rows], book.masks[rows]
        guess = prior(batch.sample, batch.timesteps, *prompt)
        return F.mse_loss(guess.predicted_image_embedding, clean[chosen])

    prior.clip_mean.requires_grad_(False).copy_(embeddings.mean)
    prior.clip_std.requires_grad_(False).copy_(embeddings.std)
    loss = fit(prior, loss_of, len(clean), recipe, generator)
    _log.info("prior: %d parameters, loss %.4f", prior.num_parameters(), loss)
    return prior


def scheduler() -> UnCLIPScheduler:
    """Return the prior's scheduler, which diffuses embeddings and predicts clean ones."""
    return UnCLIPScheduler(
        variance_type="fixed_small_log", prediction_type="sample", clip_sample_range=_CLIP_RANGE
    )


def _prior() -> PriorTransformer:
    return PriorTransformer(
        num_attention_heads=4,
        attention_head_dim=16,
        num_layers=2,
        embedding_dim=text.WIDTH,
        num_embeddings=tokenizer.TOKENS,
    )
