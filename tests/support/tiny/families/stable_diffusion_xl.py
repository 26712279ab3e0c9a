"""Stable Diffusion XL and what is built on it."""

from __future__ import annotations

from typing import Any

from diffusers import ControlNetUnionModel, ControlNetXSAdapter, UNet2DConditionModel

from tests.support.tiny import schedulers, text, unets, vaes
from tests.support.tiny.components import filled, seeded
from tests.support.tiny.entry import tiny
from tests.support.tiny.families.stable_diffusion import CONTROL, IMAGE, MASK, PROMPT, SIZE, TEXT
from tests.support.tiny.inputs import file

FAMILY = "stable-diffusion-xl"
PAG = {"pag_scale": 3.0}


def base(unet: UNet2DConditionModel | None = None, **changes: Any) -> dict[str, Any]:
    """The components of SDXL: two text encoders, size conditioning, Euler."""
    components: dict[str, Any] = {
        "vae": vaes.kl(),
        "text_encoder": text.clip_text(),
        "text_encoder_2": text.clip_text_projected(),
        "tokenizer": text.clip_tokenizer(),
        "tokenizer_2": text.clip_tokenizer(),
        "unet": unet or unets.conditioned(**unets.SDXL),
        "scheduler": schedulers.stable_diffusion(
            "EulerDiscreteScheduler", steps_offset=1, timestep_spacing="leading"
        ),
    }
    return {**components, **changes}


def controlled(**changes: Any) -> dict[str, Any]:
    """SDXL with a ControlNet."""
    return base(controlnet=unets.controlnet(**unets.SDXL), **changes)


def union() -> dict[str, Any]:
    """SDXL with a ControlNet that serves six kinds of condition."""
    settings = {
        **unets.BODY,
        **unets.SDXL,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "conditioning_embedding_out_channels": (8, 8),
        "num_control_type": 6,
        "num_trans_channel": 16,
        "num_trans_head": 2,
        "num_proj_channel": 16,
    }
    return base(controlnet=filled(seeded(ControlNetUnionModel, 31, **settings), 31))


def controlnet_xs() -> dict[str, Any]:
    """SDXL with a ControlNet-XS adapter over its UNet."""
    unet = unets.conditioned(**unets.SDXL, layers_per_block=2, block_out_channels=(8, 16))
    settings = {"unet": unet, "size_ratio": 1.0, "conditioning_embedding_out_channels": (8, 8)}
    return base(unet, controlnet=filled(seeded(ControlNetXSAdapter.from_unet, 32, **settings), 32))


def adapted() -> dict[str, Any]:
    """SDXL with a T2I adapter."""
    return base(adapter=unets.adapter(kind="full_adapter_xl", factor=4))


def pag() -> dict[str, Any]:
    """SDXL with perturbed attention in the middle block."""
    return base(pag_applied_layers="mid")


def ledits() -> dict[str, Any]:
    """SDXL with the stochastic DPM-Solver that LEdits++ inverts."""
    options = {"algorithm_type": "sde-dpmsolver++", "solver_order": 2}
    return base(scheduler=schedulers.stable_diffusion("DPMSolverMultistepScheduler", **options))


INVERT = {
    "invert": {
        "image": file("image_32.png"),
        "num_inversion_steps": 4,
        "skip": 0.25,
        "height": 32,
        "width": 32,
    }
}
PAINT = {**MASK, **SIZE}
CONTROLLED = {"control_image": CONTROL}
MODE = {"control_mode": [0]}

PIPELINES = (
    tiny("StableDiffusionXLPipeline", FAMILY, base, TEXT),
    tiny("StableDiffusionXLImg2ImgPipeline", FAMILY, base, IMAGE, steps=3),
    tiny("StableDiffusionXLInpaintPipeline", FAMILY, base, PAINT, steps=3),
    tiny(
        "StableDiffusionXLInstructPix2PixPipeline",
        FAMILY,
        lambda: base(unets.conditioned(8, **unets.SDXL)),
        {**TEXT, "image": file("image_32.png")},
    ),
    tiny("StableDiffusionXLControlNetPipeline", FAMILY, controlled, {**PROMPT, "image": CONTROL}),
    tiny("StableDiffusionXLControlNetImg2ImgPipeline", FAMILY, controlled, {**IMAGE, **CONTROLLED}, steps=3),
    tiny("StableDiffusionXLControlNetInpaintPipeline", FAMILY, controlled, {**PAINT, **CONTROLLED}, steps=3),
    tiny(
        "StableDiffusionXLControlNetUnionPipeline",
        FAMILY,
        union,
        {**PROMPT, "control_image": [CONTROL], **MODE},
    ),
    tiny(
        "StableDiffusionXLControlNetUnionImg2ImgPipeline",
        FAMILY,
        union,
        {**IMAGE, "control_image": [CONTROL], **MODE},
        steps=3,
    ),
    tiny(
        "StableDiffusionXLControlNetUnionInpaintPipeline",
        FAMILY,
        union,
        {**PAINT, "control_image": [CONTROL], **MODE},
        steps=3,
    ),
    tiny("StableDiffusionXLControlNetXSPipeline", FAMILY, controlnet_xs, {**PROMPT, "image": CONTROL}),
    tiny("StableDiffusionXLAdapterPipeline", FAMILY, adapted, {**TEXT, "image": CONTROL}),
    tiny("StableDiffusionXLPAGPipeline", FAMILY, pag, {**TEXT, **PAG}),
    tiny("StableDiffusionXLPAGImg2ImgPipeline", FAMILY, pag, {**IMAGE, **PAG}, steps=3),
    tiny("StableDiffusionXLPAGInpaintPipeline", FAMILY, pag, {**PAINT, **PAG}, steps=3),
    tiny(
        "StableDiffusionXLControlNetPAGPipeline",
        FAMILY,
        lambda: controlled(pag_applied_layers="mid"),
        {**PROMPT, "image": CONTROL, **PAG},
    ),
    tiny(
        "StableDiffusionXLControlNetPAGImg2ImgPipeline",
        FAMILY,
        lambda: controlled(pag_applied_layers="mid"),
        {**IMAGE, **CONTROLLED, **PAG},
        steps=3,
    ),
    tiny(
        "LEditsPPPipelineStableDiffusionXL",
        FAMILY,
        ledits,
        {
            "editing_prompt": ["a nine"],
            "edit_guidance_scale": [5.0],
            "edit_threshold": [0.5],
            "output_type": "np",
        },
        steps=None,
        generator="none",
        before=(INVERT,),
    ),
)
