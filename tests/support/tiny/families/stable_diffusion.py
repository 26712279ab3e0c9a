"""Stable Diffusion 1.x and 2.x: text to image, image to image, inpainting, ControlNet, adapters and variants."""

from __future__ import annotations

from typing import Any

from diffusers import UNet2DConditionModel
from transformers import DPTConfig, DPTForDepthEstimation, DPTImageProcessorPil

from tests.support.tiny import schedulers, text, unets, vaes
from tests.support.tiny.components import seeded
from tests.support.tiny.entry import tiny
from tests.support.tiny.inputs import file

FAMILY = "stable-diffusion"
PROMPT = {"prompt": "a handwritten seven", "guidance_scale": 5.0, "output_type": "np"}
TEXT = {**PROMPT, "height": 32, "width": 32}
IMAGE = {**PROMPT, "image": file("image_32.png"), "strength": 0.7}
MASK = {**IMAGE, "mask_image": file("mask_32.png")}
SIZE = {"height": 32, "width": 32}
CONTROL = file("image_32_control.png")


def base(**changes: Any) -> dict[str, Any]:
    """The components of a text-to-image Stable Diffusion without a safety checker."""
    components: dict[str, Any] = {
        "vae": vaes.kl(),
        "text_encoder": text.clip_text(),
        "tokenizer": text.clip_tokenizer(),
        "unet": unets.conditioned(),
        "scheduler": schedulers.stable_diffusion(),
        "safety_checker": None,
        "feature_extractor": None,
    }
    return {**components, **changes}


def without(components: dict[str, Any], *names: str) -> dict[str, Any]:
    """`components` but those called `names`."""
    return {name: component for name, component in components.items() if name not in names}


def depth() -> dict[str, Any]:
    """Stable Diffusion with a fifth latent channel for depth, and a tiny DPT that estimates it."""
    settings = {
        "image_size": 32,
        "patch_size": 16,
        "hidden_size": 16,
        "num_hidden_layers": 4,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "backbone_out_indices": [0, 1, 2, 3],
        "neck_hidden_sizes": [8, 8, 8, 8],
        "fusion_hidden_size": 8,
        "is_hybrid": False,
    }
    return {
        **without(base(unet=unets.conditioned(5)), "safety_checker"),
        "depth_estimator": seeded(lambda: DPTForDepthEstimation(DPTConfig(**settings)), 5),
        "feature_extractor": DPTImageProcessorPil(size={"height": 32, "width": 32}),
    }


def variation() -> dict[str, Any]:
    """Stable Diffusion conditioned on an image's embedding instead of text."""
    components = without(base(), "text_encoder", "tokenizer")
    return {**components, "image_encoder": text.clip_vision(), "feature_extractor": text.clip_processor()}


def upscale() -> dict[str, Any]:
    """The four-times upscaler: the low-resolution image joins the latents."""
    unet = unets.conditioned(7, num_class_embeds=350, use_linear_projection=True)
    return without(
        {
            **base(unet=unet),
            "vae": vaes.kl(blocks=3),
            "low_res_scheduler": schedulers.stable_diffusion("DDPMScheduler"),
        },
        "safety_checker",
        "feature_extractor",
    )


def latent_upscale() -> dict[str, Any]:
    """The two-times latent upscaler with its k-diffusion UNet: 128 fixed noise-level channels join the pooled text."""
    unet = seeded(
        UNet2DConditionModel,
        25,
        act_fn="gelu",
        attention_head_dim=8,
        norm_num_groups=None,
        block_out_channels=[32, 32, 64, 64],
        time_cond_proj_dim=32 + 128,
        conv_in_kernel=1,
        conv_out_kernel=1,
        cross_attention_dim=32,
        down_block_types=("KDownBlock2D", *["KCrossAttnDownBlock2D"] * 3),
        in_channels=8,
        mid_block_type=None,
        out_channels=5,
        resnet_time_scale_shift="scale_shift",
        time_embedding_type="fourier",
        timestep_post_act="gelu",
        up_block_types=(*["KCrossAttnUpBlock2D"] * 3, "KUpBlock2D"),
        layers_per_block=1,
    )
    components = without(base(unet=unet), "safety_checker", "feature_extractor")
    return {
        **components,
        "scheduler": schedulers.stable_diffusion("EulerDiscreteScheduler", prediction_type="sample"),
    }


def controlled(**changes: Any) -> dict[str, Any]:
    """Stable Diffusion with a ControlNet."""
    return {**base(), "controlnet": unets.controlnet(), **changes}


def adapted() -> dict[str, Any]:
    """Stable Diffusion with a T2I adapter."""
    blocks = {
        "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
    }
    return {**base(unet=unets.conditioned(**blocks)), "adapter": unets.adapter()}


def consistency() -> dict[str, Any]:
    """A latent consistency model: the guidance scale is embedded in the UNet's time."""
    unet = unets.conditioned(time_cond_proj_dim=32)
    return base(unet=unet, scheduler=schedulers.stable_diffusion("LCMScheduler"))


PIPELINES = (
    tiny("StableDiffusionPipeline", FAMILY, base, TEXT),
    tiny("StableDiffusionImg2ImgPipeline", FAMILY, base, IMAGE, steps=3),
    tiny("StableDiffusionInpaintPipeline", FAMILY, lambda: base(unet=unets.conditioned(9)), {**MASK, **SIZE}),
    tiny(
        "StableDiffusionInstructPix2PixPipeline",
        FAMILY,
        lambda: base(unet=unets.conditioned(8)),
        {**PROMPT, "image": file("image_32.png")},
    ),
    tiny("StableDiffusionDepth2ImgPipeline", FAMILY, depth, IMAGE, steps=3),
    tiny(
        "StableDiffusionImageVariationPipeline",
        FAMILY,
        variation,
        {**SIZE, "image": file("image_32.png"), "output_type": "np"},
    ),
    tiny(
        "StableDiffusionUpscalePipeline",
        FAMILY,
        upscale,
        {**PROMPT, "image": file("image_16.png"), "noise_level": 20},
    ),
    tiny(
        "StableDiffusionLatentUpscalePipeline",
        FAMILY,
        latent_upscale,
        {**PROMPT, "image": file("tensor_1x4x32x32.safetensors")},
    ),
    tiny("StableDiffusionControlNetPipeline", FAMILY, controlled, {**PROMPT, "image": CONTROL}),
    tiny(
        "StableDiffusionControlNetImg2ImgPipeline",
        FAMILY,
        controlled,
        {**IMAGE, "control_image": CONTROL},
        steps=3,
    ),
    tiny(
        "StableDiffusionControlNetInpaintPipeline",
        FAMILY,
        controlled,
        {**MASK, **SIZE, "control_image": CONTROL},
    ),
    tiny("StableDiffusionAdapterPipeline", FAMILY, adapted, {**TEXT, "image": CONTROL}),
    tiny("LatentConsistencyModelPipeline", FAMILY, consistency, TEXT),
    tiny("LatentConsistencyModelImg2ImgPipeline", FAMILY, consistency, IMAGE, steps=4),
)
