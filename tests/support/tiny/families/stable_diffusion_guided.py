"""Stable Diffusion with perturbed-attention, self-attention, semantic and other guidance, and its edits."""

from __future__ import annotations

from typing import Any

from diffusers import CLIPImageProjection, ControlNetXSAdapter, UNet2DConditionModel
from transformers import BlipConfig, BlipForConditionalGeneration, BlipProcessor, CLIPProcessor

from tests.support.tiny import schedulers, text, unets, vaes
from tests.support.tiny.components import filled, seeded
from tests.support.tiny.entry import tiny
from tests.support.tiny.families.stable_diffusion import (
    CONTROL,
    IMAGE,
    MASK,
    PROMPT,
    SIZE,
    TEXT,
    base,
)
from tests.support.tiny.inputs import file

FAMILY = "stable-diffusion-guided"
PAG = {"pag_scale": 3.0}
BOXES = {"gligen_phrases": ["a seven"], "gligen_boxes": [[0.1, 0.2, 0.7, 0.8]]}
EDITS = {"editing_prompt": ["a nine"], "edit_warmup_steps": 0, "edit_threshold": 0.5}


def pag(**changes: Any) -> dict[str, Any]:
    """The components of Stable Diffusion, with attention perturbed in the UNet's middle block."""
    return {**base(), "pag_applied_layers": "mid", **changes}


def controlnet_xs() -> dict[str, Any]:
    """Stable Diffusion with a ControlNet-XS adapter over its UNet."""
    unet = unets.conditioned(layers_per_block=2, block_out_channels=(8, 16))
    adapter = filled(
        seeded(
            ControlNetXSAdapter.from_unet,
            26,
            unet=unet,
            size_ratio=1.0,
            conditioning_embedding_out_channels=(8, 8),
        ),
        26,
    )
    return {**base(unet=unet), "controlnet": adapter}


def diffedit() -> dict[str, Any]:
    """DiffEdit: Stable Diffusion and the scheduler that inverts it."""
    return {
        **base(),
        "inverse_scheduler": schedulers.stable_diffusion("DDIMInverseScheduler", clip_sample=False),
    }


def gligen_unet(kind: str) -> UNet2DConditionModel:
    """A UNet whose attention is gated by grounded phrases (`gated` or `gated-text-image`)."""
    return filled(unets.conditioned(attention_type=kind), 28)


def gligen_text_image() -> dict[str, Any]:
    """GLIGEN grounded on phrases and images."""
    projection = seeded(CLIPImageProjection, 29, hidden_size=32)
    return {
        **base(unet=gligen_unet("gated-text-image")),
        "processor": CLIPProcessor(text.clip_processor(), text.clip_tokenizer()),
        "image_encoder": text.clip_vision(),
        "image_project": projection,
    }


def pix2pix_zero() -> dict[str, Any]:
    """Pix2Pix Zero with a tiny BLIP captioner."""
    blip = BlipConfig(
        text_config={
            "vocab_size": text.VOCABULARY_SIZE,
            "hidden_size": 16,
            "encoder_hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "projection_dim": 16,
            "bos_token_id": 0,
            "sep_token_id": 3,
        },
        vision_config={
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "image_size": 32,
            "patch_size": 16,
        },
        projection_dim=16,
    )
    return {
        **base(),
        "inverse_scheduler": schedulers.stable_diffusion("DDIMInverseScheduler", clip_sample=False),
        "caption_generator": seeded(lambda: BlipForConditionalGeneration(blip), 30),
        "caption_processor": BlipProcessor(text.blip_processor(), text.bert_tokenizer()),
    }


def ledits() -> dict[str, Any]:
    """LEdits++ with the stochastic DPM-Solver it inverts; it reads attention at a quarter of the latents' size."""
    unet = unets.conditioned(
        block_out_channels=(16, 16, 32),
        down_block_types=("DownBlock2D", *["CrossAttnDownBlock2D"] * 2),
        up_block_types=(*["CrossAttnUpBlock2D"] * 2, "UpBlock2D"),
    )
    return base(
        unet=unet,
        scheduler=schedulers.stable_diffusion(
            "DPMSolverMultistepScheduler", algorithm_type="sde-dpmsolver++", solver_order=2
        ),
    )


INVERT = {
    "invert": {
        "image": file("image_32.png"),
        "num_inversion_steps": 4,
        "skip": 0.25,
        "height": 32,
        "width": 32,
    }
}

PIPELINES = (
    tiny("StableDiffusionPAGPipeline", FAMILY, pag, {**TEXT, **PAG}),
    tiny("StableDiffusionPAGImg2ImgPipeline", FAMILY, pag, {**IMAGE, **PAG}, steps=3),
    tiny("StableDiffusionPAGInpaintPipeline", FAMILY, pag, {**MASK, **SIZE, **PAG}, steps=3),
    tiny(
        "StableDiffusionControlNetPAGPipeline",
        FAMILY,
        lambda: pag(controlnet=unets.controlnet()),
        {**PROMPT, "image": CONTROL, **PAG},
    ),
    tiny(
        "StableDiffusionControlNetPAGInpaintPipeline",
        FAMILY,
        lambda: pag(controlnet=unets.controlnet()),
        {**MASK, **SIZE, "control_image": CONTROL, **PAG},
        steps=3,
    ),
    tiny("StableDiffusionControlNetXSPipeline", FAMILY, controlnet_xs, {**PROMPT, "image": CONTROL}),
    tiny("StableDiffusionSAGPipeline", FAMILY, base, {**TEXT, "sag_scale": 1.0}),
    tiny("StableDiffusionPipelineSafe", FAMILY, base, {**TEXT, "sld_warmup_steps": 0}),
    tiny("SemanticStableDiffusionPipeline", FAMILY, base, {**TEXT, **EDITS}),
    tiny(
        "StableDiffusionDiffEditPipeline",
        FAMILY,
        diffedit,
        {
            **PROMPT,
            "mask_image": file("array_1x16x16.npy"),
            "image_latents": file("tensor_1x2x4x16x16.safetensors"),
        },
        steps=3,
    ),
    tiny("StableDiffusionGLIGENPipeline", FAMILY, lambda: base(unet=gligen_unet("gated")), {**TEXT, **BOXES}),
    tiny(
        "StableDiffusionGLIGENTextImagePipeline",
        FAMILY,
        gligen_text_image,
        {**TEXT, **BOXES, "gligen_images": [file("image_32.png")]},
    ),
    tiny(
        "StableDiffusionLDM3DPipeline",
        FAMILY,
        lambda: {**base(vae=vaes.kl(in_channels=6, out_channels=6)), "image_encoder": None},
        TEXT,
    ),
    tiny("StableDiffusionModelEditingPipeline", FAMILY, base, TEXT),
    tiny("StableDiffusionPanoramaPipeline", FAMILY, base, {**TEXT, "height": 128, "width": 160}),
    tiny(
        "StableDiffusionParadigmsPipeline",
        FAMILY,
        lambda: base(scheduler=schedulers.stable_diffusion("DDIMParallelScheduler", clip_sample=False)),
        {**TEXT, "parallel": 2},
        steps=3,
    ),
    tiny(
        "StableDiffusionPix2PixZeroPipeline",
        FAMILY,
        pix2pix_zero,
        {
            **TEXT,
            "source_embeds": file("tensor_1x16x32_a.safetensors"),
            "target_embeds": file("tensor_1x16x32_b.safetensors"),
        },
    ),
    tiny(
        "StableDiffusionAttendAndExcitePipeline",
        FAMILY,
        base,
        {**TEXT, "token_indices": [2, 3], "attn_res": {"$tuple": [8, 8]}, "max_iter_to_alter": 2},
    ),
    tiny(
        "CycleDiffusionPipeline",
        FAMILY,
        lambda: base(scheduler=schedulers.stable_diffusion(set_alpha_to_one=False)),
        {**IMAGE, "source_prompt": "a nine", "eta": 0.1},
        steps=3,
    ),
    tiny(
        "StableDiffusionInpaintPipelineLegacy",
        FAMILY,
        base,
        MASK,
        steps=3,
        overrides={"safety_checker": None, "feature_extractor": None},
    ),
    tiny(
        "LEditsPPPipelineStableDiffusion",
        FAMILY,
        ledits,
        {
            "editing_prompt": ["a nine"],
            "edit_guidance_scale": [5.0],
            "edit_threshold": [0.5],
            "output_type": "np",
        },
        steps=None,
        before=(INVERT,),
    ),
)
