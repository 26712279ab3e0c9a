"""Tiny autoencoders."""

from __future__ import annotations

from typing import Any

import diffusers
from diffusers import AutoencoderDC, AutoencoderKL

from tests.support.tiny.components import Module, filled, seeded


def kl(latents: int = 4, blocks: int = 2, seed: int = 10, **config: Any) -> AutoencoderKL:
    """An AutoencoderKL with `blocks` levels, so of spatial factor 2 ** (blocks - 1)."""
    settings = {
        "block_out_channels": tuple(8 * (index + 1) for index in range(blocks)),
        "down_block_types": ("DownEncoderBlock2D",) * blocks,
        "up_block_types": ("UpDecoderBlock2D",) * blocks,
        "latent_channels": latents,
        "norm_num_groups": 4,
        "sample_size": 32,
    }
    return seeded(AutoencoderKL, seed, **{**settings, **config})


def kl_flow(latents: int = 4, blocks: int = 1, **config: Any) -> AutoencoderKL:
    """An AutoencoderKL as flow-matching models have it: shifted, and without the quantising layers."""
    settings = {
        "use_quant_conv": False,
        "use_post_quant_conv": False,
        "shift_factor": 0.0609,
        "scaling_factor": 1.5035,
    }
    return kl(latents, blocks, **{**settings, **config})


def dc(latents: int = 4, seed: int = 11) -> AutoencoderDC:
    """The deep-compression autoencoder of Sana, of spatial factor 2."""
    return seeded(
        AutoencoderDC,
        seed,
        in_channels=3,
        latent_channels=latents,
        attention_head_dim=4,
        encoder_block_types=("ResBlock", "EfficientViTBlock"),
        decoder_block_types=("ResBlock", "EfficientViTBlock"),
        encoder_block_out_channels=(8, 8),
        decoder_block_out_channels=(8, 8),
        encoder_qkv_multiscales=((), (5,)),
        decoder_qkv_multiscales=((), (5,)),
        encoder_layers_per_block=(1, 1),
        decoder_layers_per_block=(1, 1),
        downsample_block_type="conv",
        upsample_block_type="interpolate",
        decoder_norm_types="rms_norm",
        decoder_act_fns="silu",
        scaling_factor=0.41407,
    )


def made(name: str, seed: int = 12, **config: Any) -> Module:
    """The diffusers autoencoder class `name`, its zero weights filled."""
    model: Module = filled(seeded(getattr(diffusers, name), seed, **config), seed)
    return model
