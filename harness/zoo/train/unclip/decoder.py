"""The decoder of `unclip-digits`: draws 16x16 images from an image embedding and the prompt."""

import logging
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from diffusers import UnCLIPScheduler, UNet2DConditionModel
from diffusers.pipelines.deprecated.unclip.text_proj import UnCLIPTextProjModel
from torch import Tensor, nn

from harness.zoo.train import data, text
from harness.zoo.train.conditioning import PromptBook
from harness.zoo.train.diffusion import Noised, noised
from harness.zoo.train.fit import Recipe, fit

RECIPE = Recipe(steps=2400, batch=32, learning_rate=2e-3, ema=0.998)
SIDE = 16
_CHANNELS = (16, 48)
_CONTEXT_TOKENS = 4
_VARIANCE_WEIGHT = 1e-3

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Decoder:
    """The denoiser and the projection that feeds it."""

    unet: UNet2DConditionModel
    projection: UnCLIPTextProjModel


def trained_decoder(
    embeddings: Tensor, book: PromptBook, recipe: Recipe, generator: torch.Generator
) -> Decoder:
    """Return a decoder for `embeddings`, float32 (1797, 48), one per image."""
    decoder, schedule, labels = _decoder(), scheduler(), data.digit_labels()
    images = data.digit_images(SIDE, channels=3)

    def loss_of(chosen: Tensor) -> Tensor:
        rows = book.draw(labels[chosen], generator)
        batch = noised(images[chosen], schedule, generator)
        noise, spread = _predict(decoder, batch, embeddings[chosen], book, rows).chunk(2, dim=1)
        error = variance_error(schedule, batch.timesteps, batch.noise - noise.detach(), spread)
        return F.mse_loss(noise, batch.noise) + _VARIANCE_WEIGHT * error

    modules = nn.ModuleList([decoder.unet, decoder.projection])
    loss = fit(modules, loss_of, len(images), recipe, generator)
    _log.info("decoder: %d parameters, loss %.4f", sum(p.numel() for p in modules.parameters()), loss)
    return decoder


def variance_error(
    schedule: UnCLIPScheduler, timesteps: Tensor, noise_error: Tensor, spread: Tensor
) -> Tensor:
    """Return the mean divergence, in nats per value, of the true reverse step from the predicted one.

    `spread` in about [-1, 1] places the log variance between the posterior's and beta's, as in Nichol and
    Dhariwal 2021, eq. 15; `noise_error` is the true minus the predicted noise. Both are (batch, 3, 16, 16).
    """
    steps = timesteps.clamp(min=1)[:, None, None, None]
    beta, kept = schedule.betas[steps], schedule.alphas_cumprod[steps]
    smallest = (beta * (1 - schedule.alphas_cumprod[steps - 1]) / (1 - kept)).log()
    predicted = smallest + (spread + 1) / 2 * (beta.log() - smallest)
    mean_error = noise_error * beta / ((1 - beta) * (1 - kept)).sqrt()
    ratio = (smallest.exp() + mean_error.square()) / predicted.exp()
    return 0.5 * (predicted - smallest + ratio - 1).mean()


def scheduler() -> UnCLIPScheduler:
    """Return the decoder's scheduler, which expects noise and a variance from the denoiser."""
    return UnCLIPScheduler(variance_type="learned_range", prediction_type="epsilon")


def _predict(decoder: Decoder, batch: Noised, embeddings: Tensor, book: PromptBook, rows: Tensor) -> Tensor:
    """Return noise and variance, (batch, 6, 16, 16); empty prompts come with the learned empty embedding."""
    nothing = decoder.projection.learned_classifier_free_guidance_embeddings
    context, time = decoder.projection(
        image_embeddings=torch.where(book.is_empty(rows)[:, None], nothing, embeddings),
        prompt_embeds=book.summaries[rows],
        text_encoder_hidden_states=book.states[rows],
        do_classifier_free_guidance=False,
    )
    mask = F.pad(book.masks[rows], (_CONTEXT_TOKENS, 0), value=True)
    return decoder.unet(batch.sample, batch.timesteps, context, class_labels=time, attention_mask=mask).sample


def _decoder() -> Decoder:
    unet = UNet2DConditionModel(
        sample_size=SIDE,
        in_channels=3,
        out_channels=6,
        layers_per_block=1,
        block_out_channels=_CHANNELS,
        down_block_types=("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
        mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        up_block_types=("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
        cross_attention_dim=text.WIDTH,
        attention_head_dim=8,
        norm_num_groups=8,
        resnet_time_scale_shift="scale_shift",
        class_embed_type="identity",
    )
    projection = UnCLIPTextProjModel(
        clip_extra_context_tokens=_CONTEXT_TOKENS,
        clip_embeddings_dim=text.WIDTH,
        time_embed_dim=4 * _CHANNELS[0],
        cross_attention_dim=text.WIDTH,
    )
    return Decoder(unet, projection)
