"""Qwen Image, and other pipelines over the vision-language models of Qwen."""

from __future__ import annotations

from typing import Any

import diffusers
import transformers as hf

from tests.support.tiny import schedulers, text, transformers, vaes
from tests.support.tiny.components import seeded
from tests.support.tiny.entry import tiny
from tests.support.tiny.families.stable_diffusion import CONTROL, SIZE, TEXT
from tests.support.tiny.inputs import file

ROPE = {"mrope_section": [1, 1, 2], "rope_type": "default", "type": "default"}

LANGUAGE = {
    "vocab_size": text.VOCABULARY_SIZE,
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "rope_scaling": ROPE,
    "rope_theta": 1_000_000.0,
    "max_position_embeddings": 2048,
}

VISION = {"depth": 2, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": 16}

QWEN = {
    "patch_size": 2,
    "in_channels": 16,
    "out_channels": 4,
    "num_layers": 2,
    "attention_head_dim": 16,
    "num_attention_heads": 2,
    "joint_attention_dim": 16,
    "axes_dims_rope": (8, 4, 4),
}


def qwen_25_vl() -> hf.PreTrainedModel:
    """Qwen 2.5 VL, 16 wide."""
    config = hf.Qwen2_5_VLConfig(text_config=LANGUAGE, vision_config=VISION)
    return seeded(lambda: hf.Qwen2_5_VLForConditionalGeneration(config), 110)


def qwen_2_vl() -> hf.PreTrainedModel:
    """Qwen 2 VL, 16 wide."""
    vision = {"depth": 2, "hidden_size": 16, "embed_dim": 16, "num_heads": 2}
    config = hf.Qwen2VLConfig(text_config=LANGUAGE, vision_config=vision)
    return seeded(lambda: hf.Qwen2VLForConditionalGeneration(config), 111)


def qwen_3_vl() -> hf.PreTrainedModel:
    """Qwen 3 VL, 16 wide."""
    language = {key: value for key, value in LANGUAGE.items() if not key.startswith("rope")}
    config = hf.Qwen3VLConfig(text_config={**language, "head_dim": 8}, vision_config=VISION)
    return seeded(lambda: hf.Qwen3VLModel(config), 112)


def qwen_vae() -> diffusers.AutoencoderKLQwenImage:
    """The autoencoder of Qwen Image, of spatial factor 4 here."""
    return vaes.made(
        "AutoencoderKLQwenImage",
        base_dim=8,
        z_dim=4,
        dim_mult=[1, 2, 2],
        num_res_blocks=1,
        temperal_downsample=[False, True],
        latents_mean=[0.0] * 4,
        latents_std=[1.0] * 4,
    )


def qwen_image(**changes: Any) -> dict[str, Any]:
    """Qwen Image over Qwen 2.5 VL."""
    components: dict[str, Any] = {
        "scheduler": schedulers.flow(),
        "vae": qwen_vae(),
        "text_encoder": qwen_25_vl(),
        "tokenizer": text.qwen_tokenizer(1024),
        "transformer": transformers.made("QwenImageTransformer2DModel", **QWEN, guidance_embeds=False),
    }
    return {**components, **changes}


def qwen_controlled(extra: int = 0) -> dict[str, Any]:
    """Qwen Image with a ControlNet, which reads `extra` more channels when it inpaints."""
    options = {"extra_condition_channels": extra} if extra else {}
    return qwen_image(controlnet=transformers.made("QwenImageControlNetModel", 43, **QWEN, **options))


def hunyuan_image() -> dict[str, Any]:
    """Hunyuan Image 2.1 over Qwen 2.5 VL and ByT5."""
    transformer = transformers.made(
        "HunyuanImageTransformer2DModel",
        in_channels=4,
        out_channels=4,
        num_attention_heads=4,
        attention_head_dim=8,
        num_layers=1,
        num_single_layers=1,
        num_refiner_layers=1,
        patch_size=(1, 1),
        guidance_embeds=False,
        text_embed_dim=16,
        text_embed_2_dim=None,  # the projection of ByT5's embeddings is 2048 wide, whatever the model
        rope_axes_dim=(4, 4),
    )
    vae = vaes.made(
        "AutoencoderKLHunyuanImage",
        in_channels=3,
        out_channels=3,
        latent_channels=4,
        block_out_channels=(32, 32),
        layers_per_block=1,
        spatial_compression_ratio=2,
        sample_size=32,
        scaling_factor=0.476986,
    )
    guider = diffusers.AdaptiveProjectedMixGuidance(adaptive_projected_guidance_start_step=2)
    return {
        "scheduler": schedulers.flow(shift=7.0),
        "vae": vae,
        "text_encoder": qwen_25_vl(),
        "tokenizer": text.qwen_tokenizer(1024),
        "text_encoder_2": text.t5_encoder(vocab_size=400),
        "tokenizer_2": hf.ByT5Tokenizer(),
        "transformer": transformer,
        "guider": guider,
        "ocr_guider": guider,
    }


def krea2() -> dict[str, Any]:
    """Krea 2 over Qwen 3 VL."""
    transformer = transformers.made(
        "Krea2Transformer2DModel",
        in_channels=16,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=32,
        timestep_embed_dim=8,
        text_hidden_dim=16,
        num_text_layers=3,
        text_num_attention_heads=2,
        text_num_key_value_heads=1,
        text_intermediate_size=16,
        num_layerwise_text_blocks=1,
        num_refiner_text_blocks=1,
        axes_dims_rope=(4, 2, 2),
        rope_theta=1000.0,
    )
    shifting = {"use_dynamic_shifting": True, "base_shift": 0.5, "max_shift": 1.15}
    return {
        "scheduler": schedulers.flow(**shifting, base_image_seq_len=256, max_image_seq_len=6400),
        "vae": qwen_vae(),
        "text_encoder": qwen_3_vl(),
        "tokenizer": text.qwen_tokenizer(1024),
        "transformer": transformer,
        "text_encoder_select_layers": (0, 1, 2),
    }


def easyanimate(in_channels: int = 4) -> dict[str, Any]:
    """EasyAnimate over Qwen 2 VL."""
    transformer = transformers.made(
        "EasyAnimateTransformer3DModel",
        num_attention_heads=2,
        attention_head_dim=16,
        in_channels=in_channels,
        out_channels=4,
        time_embed_dim=4,
        text_embed_dim=16,
        num_layers=1,
        sample_width=16,
        sample_height=16,
        patch_size=2,
    )
    vae = vaes.made(
        "AutoencoderKLMagvit",
        in_channels=3,
        out_channels=3,
        down_block_types=("SpatialDownBlock3D", *["SpatialTemporalDownBlock3D"] * 3),
        up_block_types=("SpatialUpBlock3D", *["SpatialTemporalUpBlock3D"] * 3),
        block_out_channels=(8, 8, 8, 8),
        latent_channels=4,
        layers_per_block=1,
        norm_num_groups=2,
        spatial_group_norm=False,
    )
    vae.register_to_config(
        cache_mag_vae=False
    )  # the inpainting pipeline reads it, the model has no such option
    return {
        "vae": vae,
        "text_encoder": qwen_2_vl(),
        "tokenizer": text.qwen_tokenizer(1024),
        "transformer": transformer,
        "scheduler": schedulers.flow(),
    }


QWEN_CALL = {
    "prompt": "a seven",
    "negative_prompt": "a nine",
    "true_cfg_scale": 2.0,
    **SIZE,
    "output_type": "np",
}
QWEN_IMAGE = {**QWEN_CALL, "image": file("image_32.png"), "strength": 0.7}
QWEN_PAINT = {**QWEN_IMAGE, "mask_image": file("mask_32.png")}
VIDEO = {
    "prompt": "a seven",
    "negative_prompt": "a nine",
    "height": 16,
    "width": 16,
    "num_frames": 5,
    "guidance_scale": 4.0,
    "output_type": "np",
}

PIPELINES = (
    tiny("QwenImagePipeline", "qwen-image", qwen_image, QWEN_CALL),
    tiny("QwenImageImg2ImgPipeline", "qwen-image", qwen_image, QWEN_IMAGE, steps=3),
    tiny("QwenImageInpaintPipeline", "qwen-image", qwen_image, QWEN_PAINT, steps=3),
    tiny(
        "QwenImageControlNetPipeline", "qwen-image", qwen_controlled, {**QWEN_CALL, "control_image": CONTROL}
    ),
    tiny(
        "QwenImageControlNetInpaintPipeline",
        "qwen-image",
        lambda: qwen_controlled(4),
        {**QWEN_CALL, "control_image": CONTROL, "control_mask": file("mask_32.png")},
    ),
    tiny(
        "HunyuanImagePipeline",
        "hunyuan-image",
        hunyuan_image,
        {"prompt": 'the word "seven"', **SIZE, "output_type": "np"},
        steps=4,
    ),
    tiny("Krea2Pipeline", "krea-2", krea2, {**TEXT, "max_sequence_length": 16}),
    tiny("EasyAnimatePipeline", "easyanimate", easyanimate, VIDEO),
    tiny(
        "EasyAnimateInpaintPipeline",
        "easyanimate",
        lambda: easyanimate(9),
        {
            **VIDEO,
            "video": file("tensor_1x3x5x16x16.safetensors"),
            "mask_video": file("tensor_1x1x5x16x16.safetensors"),
        },
    ),
)
