"""Trains `sd-digits`: latent text-to-image diffusion that draws the digit a prompt names, 32x32 colour."""

import logging
import random
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, PNDMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel

from harness.zoo.train import data, determinism, text, tokenizer
from harness.zoo.train.conditioning import PromptBook
from harness.zoo.train.diffusion import noised
from harness.zoo.train.fit import Recipe, fit

VAE_RECIPE = Recipe(steps=1200, batch=32, learning_rate=2e-3, ema=0.995)
UNET_RECIPE = Recipe(steps=3300, batch=64, learning_rate=2e-3, ema=0.998)
SIDE = 32
LATENT_SIDE = 8
_KL_WEIGHT = 1e-3

_log = logging.getLogger(__name__)


def train(
    folder: Path,
    vae_recipe: Recipe = VAE_RECIPE,
    text_recipe: Recipe = text.RECIPE,
    unet_recipe: Recipe = UNET_RECIPE,
) -> None:
    """Train VAE, text encoder and denoiser in turn; write a `StableDiffusionPipeline` to `folder`."""
    generator = determinism.fix()
    images = data.digit_images(SIDE, channels=3)
    vae = _trained_vae(images, vae_recipe, generator)
    encoder = text.trained(CLIPTextModel, generator, text_recipe)
    unet = _trained_unet(_latents(vae, images), encoder, unet_recipe, generator)
    pipeline = StableDiffusionPipeline(
        vae=vae,
        text_encoder=encoder,
        tokenizer=tokenizer.build(),
        unet=unet,
        scheduler=_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder, safe_serialization=True)
    text.save(encoder, folder / "text_encoder")
    tokenizer.save(folder / "tokenizer")


def _trained_vae(images: Tensor, recipe: Recipe, generator: torch.Generator) -> AutoencoderKL:
    vae = _vae()

    def loss_of(chosen: Tensor) -> Tensor:
        clean = images[chosen]
        posterior = vae.encode(clean).latent_dist
        drawn = vae.decode(posterior.sample(generator)).sample
        return F.mse_loss(drawn, clean) + _KL_WEIGHT * posterior.kl().mean() / clean[0].numel()

    loss = fit(vae, loss_of, len(images), recipe, generator)
    vae.register_to_config(scaling_factor=1.0 / _latents(vae, images, scale=1.0).std().item())
    _log.info("vae: %d parameters, loss %.4f", vae.num_parameters(), loss)
    return vae.requires_grad_(False)


@torch.no_grad()
def _latents(vae: AutoencoderKL, images: Tensor, scale: float | None = None) -> Tensor:
    """Return the scaled latent means of `images`, float32 (n, 4, 8, 8)."""
    means = torch.cat([vae.encode(part).latent_dist.mean for part in images.split(256)])
    return means * (vae.config.scaling_factor if scale is None else scale)


def _trained_unet(
    latents: Tensor, encoder: CLIPTextModel, recipe: Recipe, generator: torch.Generator
) -> UNet2DConditionModel:
    unet, scheduler, labels = _unet(), _scheduler(), data.digit_labels()
    book = PromptBook(encoder, random.Random(generator.initial_seed()))

    def loss_of(chosen: Tensor) -> Tensor:
        context = book.states[book.draw(labels[chosen], generator)]
        batch = noised(latents[chosen], scheduler, generator)
        return F.mse_loss(unet(batch.sample, batch.timesteps, context).sample, batch.noise)

    loss = fit(unet, loss_of, len(latents), recipe, generator)
    _log.info("unet: %d parameters, loss %.4f", unet.num_parameters(), loss)
    return unet


def _vae() -> AutoencoderKL:
    return AutoencoderKL(
        sample_size=SIDE,
        latent_channels=4,
        block_out_channels=(8, 16, 32),
        layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        norm_num_groups=8,
    )


def _unet() -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=LATENT_SIDE,
        in_channels=4,
        out_channels=4,
        layers_per_block=1,
        block_out_channels=(32, 64),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=text.WIDTH,
        norm_num_groups=8,
        attention_head_dim=4,
    )


def _scheduler() -> PNDMScheduler:
    """Return the schedule that Stable Diffusion v1 ships.

    PNDM itself has no `clip_sample`; the key is kept for schedulers made from this config, such as DDIM,
    which would otherwise clip the latents.
    """
    return PNDMScheduler.from_config(
        {
            "beta_start": 0.00085,
            "beta_end": 0.012,
            "beta_schedule": "scaled_linear",
            "set_alpha_to_one": False,
            "skip_prk_steps": True,
            "steps_offset": 1,
            "clip_sample": False,
        }
    )
