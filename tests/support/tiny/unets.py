"""Tiny UNets and the networks that steer them."""

from __future__ import annotations

from typing import Any

from diffusers import (
    ControlNetModel,
    T2IAdapter,
    UNet2DConditionModel,
    UNet2DModel,
    UNetMotionModel,
)

from tests.support.tiny.components import filled, seeded

SDXL = {
    "attention_head_dim": (2, 4),
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 8,
    "transformer_layers_per_block": (1, 2),
    "projection_class_embeddings_input_dim": 80,
    "cross_attention_dim": 64,
}
"""What SDXL's UNet and ControlNet add: 80 is 6 sizes x 8 plus the pooled embedding's 32."""

BODY = {
    "block_out_channels": (16, 32),
    "layers_per_block": 1,
    "norm_num_groups": 4,
    "cross_attention_dim": 32,
    "attention_head_dim": 4,
}


def conditioned(
    in_channels: int = 4, out_channels: int = 4, seed: int = 20, **config: Any
) -> UNet2DConditionModel:
    """A two-level UNet with cross attention on the lower level."""
    settings = {
        **BODY,
        "sample_size": 16,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
    }
    settings.update(config)
    return seeded(UNet2DConditionModel, seed, in_channels=in_channels, out_channels=out_channels, **settings)


def unconditioned(channels: int = 3, seed: int = 21, **config: Any) -> UNet2DModel:
    """A two-level UNet with attention and no conditioning."""
    settings = {
        "block_out_channels": (16, 32),
        "layers_per_block": 1,
        "norm_num_groups": 4,
        "attention_head_dim": 4,
        "sample_size": 16,
        "down_block_types": ("DownBlock2D", "AttnDownBlock2D"),
        "up_block_types": ("AttnUpBlock2D", "UpBlock2D"),
    }
    settings.update(config)
    return seeded(UNet2DModel, seed, in_channels=channels, out_channels=channels, **settings)


def controlnet(seed: int = 22, factor: int = 2, **config: Any) -> ControlNetModel:
    """A ControlNet for `conditioned`, whose condition is `factor` times the latents' size."""
    settings = {
        **BODY,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "conditioning_embedding_out_channels": (8,) * factor.bit_length(),
    }
    settings.update(config)
    return filled(seeded(ControlNetModel, seed, **settings), seed)


def adapter(seed: int = 23, kind: str = "full_adapter", factor: int = 2, **config: Any) -> T2IAdapter:
    """A T2I adapter for `conditioned`."""
    return seeded(
        T2IAdapter,
        seed,
        in_channels=3,
        channels=[16, 32],
        num_res_blocks=1,
        downscale_factor=factor,
        adapter_type=kind,
        **config,
    )


def motion(in_channels: int = 4, seed: int = 24, **config: Any) -> UNetMotionModel:
    """A two-level UNet with motion modules for video."""
    settings = {
        **BODY,
        "sample_size": 16,
        "down_block_types": ("CrossAttnDownBlockMotion", "DownBlockMotion"),
        "up_block_types": ("UpBlockMotion", "CrossAttnUpBlockMotion"),
        "motion_num_attention_heads": 2,
        "motion_max_seq_length": 8,
    }
    settings.update(config)
    return filled(seeded(UNetMotionModel, seed, in_channels=in_channels, out_channels=4, **settings), seed)
