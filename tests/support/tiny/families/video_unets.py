"""Video over UNets: AnimateDiff, PIA, Stable Video Diffusion, I2VGen-XL, text-to-video."""

from __future__ import annotations

from typing import Any

from diffusers import (
    AutoencoderKLTemporalDecoder,
    EulerDiscreteScheduler,
    I2VGenXLUNet,
    MotionAdapter,
    SparseControlNetModel,
    UNet3DConditionModel,
    UNetSpatioTemporalConditionModel,
)

from tests.support.tiny import schedulers, text, unets
from tests.support.tiny.components import filled, seeded
from tests.support.tiny.entry import tiny
from tests.support.tiny.families.stable_diffusion import PROMPT, SIZE, TEXT, base, without
from tests.support.tiny.families.stable_diffusion_xl import base as xl
from tests.support.tiny.inputs import file

FRAMES = [file("image_32_a.png"), file("image_32_b.png")]
CALL = {**TEXT, "num_frames": 2}
FROM = {**TEXT, "video": FRAMES, "strength": 0.7}
ATTENDING_FIRST = {
    "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
    "layers_per_block": 2,
}


def motion_adapter(**config: Any) -> MotionAdapter:
    """The motion modules for `unets.conditioned`."""
    settings = {
        "block_out_channels": (16, 32),
        "motion_layers_per_block": 2,
        "motion_norm_num_groups": 4,
        "motion_num_attention_heads": 2,
        "motion_max_seq_length": 8,
        **config,
    }
    return filled(seeded(MotionAdapter, 80, **settings), 80)


def animated(**changes: Any) -> dict[str, Any]:
    """Stable Diffusion with motion modules."""
    components = without(
        base(unet=unets.conditioned(**ATTENDING_FIRST)), "safety_checker", "feature_extractor"
    )
    return {**components, "motion_adapter": motion_adapter(), **changes}


def controlnet() -> dict[str, Any]:
    """AnimateDiff with a ControlNet over every frame."""
    settings = {key: value for key, value in ATTENDING_FIRST.items() if key != "up_block_types"}
    return animated(controlnet=unets.controlnet(**settings))


def sparse() -> dict[str, Any]:
    """AnimateDiff with a ControlNet over some frames."""
    model = seeded(
        SparseControlNetModel,
        81,
        block_out_channels=(16, 32),
        layers_per_block=2,
        in_channels=4,
        conditioning_channels=3,
        down_block_types=("CrossAttnDownBlockMotion", "DownBlockMotion"),
        cross_attention_dim=32,
        attention_head_dim=4,
        conditioning_embedding_out_channels=(8, 8),
        norm_num_groups=4,
        use_simplified_condition_embedding=False,
        motion_max_seq_length=8,
        motion_num_attention_heads=2,
    )
    return animated(controlnet=filled(model, 81))


def animated_xl() -> dict[str, Any]:
    """SDXL with motion modules."""
    adapter = motion_adapter(use_motion_mid_block=False)
    return xl(unets.conditioned(**unets.SDXL, layers_per_block=2), motion_adapter=adapter)


def stable_video() -> dict[str, Any]:
    """Stable Video Diffusion."""
    unet = seeded(
        UNetSpatioTemporalConditionModel,
        82,
        block_out_channels=(32, 32),
        layers_per_block=1,
        sample_size=16,
        in_channels=8,
        out_channels=4,
        down_block_types=("CrossAttnDownBlockSpatioTemporal", "DownBlockSpatioTemporal"),
        up_block_types=("UpBlockSpatioTemporal", "CrossAttnUpBlockSpatioTemporal"),
        cross_attention_dim=32,
        num_attention_heads=4,
        projection_class_embeddings_input_dim=48,
        addition_time_embed_dim=16,
    )
    vae = seeded(
        AutoencoderKLTemporalDecoder,
        83,
        block_out_channels=(32, 32),
        down_block_types=("DownEncoderBlock2D", "DownEncoderBlock2D"),
        layers_per_block=1,
        latent_channels=4,
    )
    scheduler = EulerDiscreteScheduler(
        **schedulers.STABLE_DIFFUSION,
        prediction_type="v_prediction",
        sigma_max=700.0,
        sigma_min=0.002,
        timestep_spacing="leading",
        timestep_type="continuous",
        use_karras_sigmas=True,
    )
    return {
        "vae": vae,
        "image_encoder": text.clip_vision(image_size=224, patch_size=56),
        "unet": unet,
        "scheduler": scheduler,
        "feature_extractor": text.clip_processor(224),
    }


VOLUME = {
    "block_out_channels": (8, 16),
    "layers_per_block": 1,
    "sample_size": 16,
    "in_channels": 4,
    "out_channels": 4,
    "down_block_types": ("CrossAttnDownBlock3D", "DownBlock3D"),
    "up_block_types": ("UpBlock3D", "CrossAttnUpBlock3D"),
    "cross_attention_dim": 32,
    "norm_num_groups": 4,
}


def i2vgen() -> dict[str, Any]:
    """I2VGen-XL."""
    return {
        **without(base(), "safety_checker", "unet", "feature_extractor"),
        "unet": filled(
            seeded(I2VGenXLUNet, 84, **VOLUME, attention_head_dim=4, num_attention_heads=None), 84
        ),
        "image_encoder": text.clip_vision(),
        "feature_extractor": text.clip_processor(),
    }


def text_to_video() -> dict[str, Any]:
    """Text-to-video over a three-dimensional UNet."""
    unet = filled(seeded(UNet3DConditionModel, 85, **VOLUME, attention_head_dim=4), 85)
    return without(base(unet=unet), "safety_checker", "feature_extractor")


ZERO = {**TEXT, "video_length": 2, "t0": 1, "t1": 2}

PIPELINES = (
    tiny("AnimateDiffPipeline", "animatediff", animated, CALL),
    tiny("AnimateDiffPAGPipeline", "animatediff", animated, {**CALL, "pag_scale": 3.0}),
    tiny("AnimateDiffControlNetPipeline", "animatediff", controlnet, {**CALL, "conditioning_frames": FRAMES}),
    tiny(
        "AnimateDiffSparseControlNetPipeline",
        "animatediff",
        sparse,
        {**CALL, "conditioning_frames": FRAMES[:1], "controlnet_frame_indices": [0]},
    ),
    tiny("AnimateDiffVideoToVideoPipeline", "animatediff", animated, FROM, steps=3),
    tiny(
        "AnimateDiffVideoToVideoControlNetPipeline",
        "animatediff",
        controlnet,
        {**FROM, "conditioning_frames": FRAMES},
        steps=3,
    ),
    tiny("AnimateDiffSDXLPipeline", "animatediff", animated_xl, CALL),
    tiny(
        "PIAPipeline",
        "animatediff",
        lambda: animated(motion_adapter=motion_adapter(conv_in_channels=9)),
        {**CALL, "image": FRAMES[0]},
    ),
    tiny(
        "StableVideoDiffusionPipeline",
        "stable-video",
        stable_video,
        {**SIZE, "image": FRAMES[0], "num_frames": 2, "output_type": "np"},
    ),
    tiny("I2VGenXLPipeline", "text-to-video", i2vgen, {**CALL, "image": FRAMES[0], "clip_skip": None}),
    tiny("TextToVideoSDPipeline", "text-to-video", text_to_video, CALL),
    tiny(
        "VideoToVideoSDPipeline",
        "text-to-video",
        text_to_video,
        {**PROMPT, "video": FRAMES, "strength": 0.7},
        steps=3,
    ),
    tiny(
        "TextToVideoZeroPipeline",
        "text-to-video",
        base,
        ZERO,
        steps=4,
        overrides={"safety_checker": None, "feature_extractor": None},
    ),
    tiny("TextToVideoZeroSDXLPipeline", "text-to-video", xl, ZERO, steps=4),
)
