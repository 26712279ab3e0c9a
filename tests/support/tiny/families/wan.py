"""Wan and SkyReels V2."""

from __future__ import annotations

from typing import Any

import diffusers
from diffusers import UniPCMultistepScheduler

from tests.support.tiny import schedulers, text, transformers, vaes
from tests.support.tiny.entry import tiny
from tests.support.tiny.families.image_transformers import t5_based
from tests.support.tiny.families.video_transformers import CLIP_9, IMAGE, PROMPT, SMALL, frames
from tests.support.tiny.inputs import file

WAN = {
    "patch_size": (1, 2, 2),
    "num_attention_heads": 2,
    "attention_head_dim": 12,
    "in_channels": 16,
    "out_channels": 16,
    "text_dim": 32,
    "freq_dim": 16,
    "ffn_dim": 32,
    "num_layers": 2,
    "cross_attn_norm": True,
    "qk_norm": "rms_norm_across_heads",
    "rope_max_seq_len": 32,
}


def wan_vae(seed: int = 87) -> diffusers.AutoencoderKLWan:
    """Wan's autoencoder, of spatial factor 8 and temporal factor 4."""
    return vaes.made(
        "AutoencoderKLWan",
        seed,
        base_dim=4,
        z_dim=16,
        dim_mult=[1, 1, 1, 1],
        num_res_blocks=1,
        temperal_downsample=[False, True, True],
    )


def wan(name: str = "WanTransformer3DModel", scheduler: Any = None, **config: Any) -> dict[str, Any]:
    """Wan over UMT5, or what else shares its shape, by the transformer's class `name`."""
    transformer = transformers.made(name, **{**WAN, **config})
    return t5_based(transformer, wan_vae(), scheduler or schedulers.flow(shift=7.0), kind="UMT5")


def wan_image(name: str = "WanTransformer3DModel", in_channels: int = 36, **config: Any) -> dict[str, Any]:
    """Wan from an image, which CLIP encodes."""
    components = wan(name, in_channels=in_channels, out_channels=16, image_dim=32, **config)
    return {**components, "image_encoder": text.clip_vision(), "image_processor": text.clip_processor()}


def wan_animate() -> dict[str, Any]:
    """Wan Animate, driven by a video of poses and one of faces."""
    return wan_image(
        "WanAnimateTransformer3DModel",
        latent_channels=16,
        motion_encoder_channel_sizes={"4": 16, "8": 16, "16": 16},
        motion_encoder_size=16,
        motion_style_dim=8,
        motion_dim=4,
        motion_encoder_dim=16,
        face_encoder_hidden_dim=16,
        face_encoder_num_heads=2,
        inject_face_latents_blocks=2,
    )


def skyreels(image: bool = False, **config: Any) -> dict[str, Any]:
    """SkyReels V2; `image` adds the CLIP encoder."""
    name, multistep = (
        "SkyReelsV2Transformer3DModel",
        UniPCMultistepScheduler(flow_shift=8.0, use_flow_sigmas=True),
    )
    return {**(wan_image(name) if image else wan(name, **config)), "scheduler": multistep}


FTFY = {"needs": ("ftfy",)}

PIPELINES = (
    tiny("WanPipeline", "wan", wan, CLIP_9),
    tiny("WanImageToVideoPipeline", "wan", wan_image, {**CLIP_9, **IMAGE}, **FTFY),
    tiny(
        "WanVideoToVideoPipeline",
        "wan",
        lambda: wan(
            scheduler=UniPCMultistepScheduler(
                flow_shift=3.0, use_flow_sigmas=True, prediction_type="flow_prediction"
            )
        ),
        {**PROMPT, **SMALL, "video": frames(9), "strength": 0.7},
        steps=3,
        **FTFY,
    ),
    tiny(
        "WanVACEPipeline",
        "wan",
        lambda: wan("WanVACETransformer3DModel", num_layers=3, vace_layers=[0, 2], vace_in_channels=96),
        {**CLIP_9, "video": frames(9), "mask": [file("mask_16.png")] * 9},
        **FTFY,
    ),
    tiny(
        "WanAnimatePipeline",
        "wan",
        wan_animate,
        {
            **PROMPT,
            **SMALL,
            **IMAGE,
            "pose_video": frames(5),
            "face_video": frames(5),
            "segment_frame_length": 5,
            "guidance_scale": 1.0,
        },
        **FTFY,
    ),
    tiny("SkyReelsV2Pipeline", "skyreels", skyreels, CLIP_9, **FTFY),
    tiny(
        "SkyReelsV2ImageToVideoPipeline",
        "skyreels",
        lambda: skyreels(image=True),
        {**CLIP_9, **IMAGE},
        **FTFY,
    ),
    tiny("SkyReelsV2DiffusionForcingPipeline", "skyreels", skyreels, CLIP_9, **FTFY),
    tiny("SkyReelsV2DiffusionForcingImageToVideoPipeline", "skyreels", skyreels, {**CLIP_9, **IMAGE}, **FTFY),
    tiny(
        "SkyReelsV2DiffusionForcingVideoToVideoPipeline",
        "skyreels",
        skyreels,
        {**PROMPT, **SMALL, "video": frames(7), "overlap_history": 3, "num_frames": 17, "base_num_frames": 5},
        **FTFY,
    ),
)
