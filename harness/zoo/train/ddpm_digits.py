"""Trains `ddpm-digits`: an unconditional pixel-space diffusion model of 16x16 grey digits."""

import logging
from pathlib import Path

import torch.nn.functional as F
from diffusers import DDIMPipeline, DDIMScheduler, UNet2DModel
from torch import Tensor

from harness.zoo.train import data, determinism
from harness.zoo.train.diffusion import noised
from harness.zoo.train.fit import Recipe, fit

RECIPE = Recipe(steps=1150, batch=64, learning_rate=2e-3, ema=0.998)
SIDE = 16

_log = logging.getLogger(__name__)


def train(folder: Path, recipe: Recipe = RECIPE) -> None:
    """Train the model and write it to `folder` as a `DDIMPipeline`; `DDPMPipeline` reads it too."""
    generator = determinism.fix()
    images = data.digit_images(SIDE)
    unet, scheduler = _unet(), _scheduler()

    def loss_of(chosen: Tensor) -> Tensor:
        batch = noised(images[chosen], scheduler, generator)
        return F.mse_loss(unet(batch.sample, batch.timesteps).sample, batch.noise)

    loss = fit(unet, loss_of, len(images), recipe, generator)
    _log.info("ddpm-digits: %d parameters, loss %.4f", unet.num_parameters(), loss)
    DDIMPipeline(unet=unet, scheduler=scheduler).save_pretrained(folder, safe_serialization=True)


def _unet() -> UNet2DModel:
    return UNet2DModel(
        sample_size=SIDE,
        in_channels=1,
        out_channels=1,
        layers_per_block=1,
        block_out_channels=(16, 32, 48),
        down_block_types=("DownBlock2D", "DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
        norm_num_groups=8,
        attention_head_dim=8,
    )


def _scheduler() -> DDIMScheduler:
    return DDIMScheduler(beta_schedule="linear", clip_sample=True)
