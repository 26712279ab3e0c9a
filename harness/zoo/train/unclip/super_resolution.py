"""The two super-resolution networks of `unclip-digits`: 16x16 to 32x32, the second for the last step only."""

import logging

import torch
import torch.nn.functional as F
from diffusers import UnCLIPScheduler, UNet2DModel
from torch import Tensor

from harness.zoo.train import data
from harness.zoo.train.diffusion import noised
from harness.zoo.train.fit import Recipe, fit

FIRST_RECIPE = Recipe(steps=700, batch=24, learning_rate=2e-3, ema=0.995)
LAST_RECIPE = Recipe(steps=500, batch=24, learning_rate=2e-3, ema=0.99)
SIDE = 32
LAST_TIMESTEPS = 100
_SMALL_SIDE = 16

_log = logging.getLogger(__name__)


def trained_network(recipe: Recipe, generator: torch.Generator, below: int | None = None) -> UNet2DModel:
    """Return a network that predicts the clean 32x32 image from a noisy one and the enlarged 16x16 image.

    `below` limits training to smaller timesteps, for the network that only runs the last step.
    """
    network, schedule = _network(), scheduler()
    images, guides = data.digit_images(SIDE, channels=3), enlarged(data.digit_images(_SMALL_SIDE, channels=3))

    def loss_of(chosen: Tensor) -> Tensor:
        batch = noised(images[chosen], schedule, generator, below)
        seen = torch.cat([batch.sample, guides[chosen]], dim=1)
        return F.mse_loss(network(seen, batch.timesteps).sample, images[chosen])

    loss = fit(network, loss_of, len(images), recipe, generator)
    _log.info("super-resolution: %d parameters, loss %.4f", network.num_parameters(), loss)
    return network


def enlarged(small: Tensor) -> Tensor:
    """Return `small` (n, 3, 16, 16) as (n, 3, 32, 32), enlarged like in the pipeline."""
    return F.interpolate(small, size=[SIDE, SIDE], mode="bicubic", align_corners=False, antialias=True)


def scheduler() -> UnCLIPScheduler:
    """Return the scheduler that both networks share.

    It expects clean images, not noise: at the first timestep the signal is 5e-5 of the sample, so a small
    network's error in the noise would become a random tint that a few steps cannot remove.
    """
    return UnCLIPScheduler(variance_type="fixed_small_log", prediction_type="sample")


def _network() -> UNet2DModel:
    return UNet2DModel(
        sample_size=SIDE,
        in_channels=6,
        out_channels=3,
        layers_per_block=1,
        block_out_channels=(8, 16, 32),
        down_block_types=("ResnetDownsampleBlock2D",) * 3,
        up_block_types=("ResnetUpsampleBlock2D",) * 3,
        norm_num_groups=8,
        attention_head_dim=8,
    )
