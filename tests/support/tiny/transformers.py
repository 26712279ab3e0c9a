"""Tiny diffusion transformers for images."""

from __future__ import annotations

from typing import Any

import diffusers
from diffusers import FluxTransformer2DModel, SD3Transformer2DModel

from tests.support.tiny.components import Module, filled, seeded

SD3 = {
    "sample_size": 32,
    "patch_size": 1,
    "in_channels": 4,
    "out_channels": 4,
    "num_layers": 2,
    "attention_head_dim": 8,
    "num_attention_heads": 4,
    "joint_attention_dim": 32,
    "caption_projection_dim": 32,
    "pooled_projection_dim": 64,
    "pos_embed_max_size": 32,
}
FLUX = {
    "patch_size": 1,
    "in_channels": 16,
    "num_layers": 1,
    "num_single_layers": 1,
    "attention_head_dim": 16,
    "num_attention_heads": 2,
    "joint_attention_dim": 32,
    "pooled_projection_dim": 32,
    "axes_dims_rope": [4, 4, 8],
}


def sd3(seed: int = 40, **config: Any) -> SD3Transformer2DModel:
    """The transformer of Stable Diffusion 3; 64 is the width of both pooled text embeddings."""
    return filled(seeded(SD3Transformer2DModel, seed, **{**SD3, **config}), seed)


def flux(seed: int = 41, **config: Any) -> FluxTransformer2DModel:
    """The transformer of Flux; 16 channels are 4 latent channels of 2 x 2 pixels."""
    return filled(seeded(FluxTransformer2DModel, seed, **{**FLUX, **config}), seed)


def made(name: str, seed: int = 42, scale: float = 0.1, **config: Any) -> Module:
    """The diffusers model class `name`, its zero weights filled."""
    model: Module = filled(seeded(getattr(diffusers, name), seed, **config), seed, scale)
    return model


PIXART = {
    "sample_size": 16,
    "num_layers": 2,
    "patch_size": 2,
    "attention_head_dim": 8,
    "num_attention_heads": 4,
    "in_channels": 4,
    "out_channels": 8,
    "cross_attention_dim": 32,
    "caption_channels": 32,
    "attention_bias": True,
    "activation_fn": "gelu-approximate",
    "num_embeds_ada_norm": 1000,
    "norm_type": "ada_norm_single",
    "norm_elementwise_affine": False,
    "norm_eps": 1e-6,
}
"""The settings that PixArt's and Latte's transformers share; 8 output channels are mean and variance."""

SANA = {
    "patch_size": 1,
    "in_channels": 4,
    "out_channels": 4,
    "num_layers": 1,
    "num_attention_heads": 2,
    "attention_head_dim": 8,
    "num_cross_attention_heads": 2,
    "cross_attention_head_dim": 8,
    "cross_attention_dim": 16,
    "caption_channels": 16,
    "sample_size": 16,
}

HUNYUAN = {
    "sample_size": 16,
    "patch_size": 2,
    "attention_head_dim": 8,
    "num_attention_heads": 2,
    "hidden_size": 16,
    "in_channels": 4,
    "cross_attention_dim": 32,
    "cross_attention_dim_t5": 32,
    "pooled_projection_dim": 16,
    "activation_fn": "gelu-approximate",
}
