"""Kandinsky 2.1 to 3: prior, decoder, and both in one."""

from __future__ import annotations

from typing import Any

import diffusers
from diffusers import (
    UnCLIPScheduler,
    UNet2DConditionModel,
    VQModel,
)
from diffusers.pipelines.kandinsky.text_encoder import MCLIPConfig, MultilingualCLIP

from tests.support.tiny import schedulers, text, transformers, unets
from tests.support.tiny.components import seeded
from tests.support.tiny.entry import tiny
from tests.support.tiny.families.unclip import PROMPT, SIMPLE, prior
from tests.support.tiny.inputs import file


def movq(seed: int = 65) -> VQModel:
    """Kandinsky's decoder: spatially normalised by its own latents, of spatial factor 8."""
    return seeded(
        VQModel,
        seed,
        block_out_channels=[32] * 4,  # the spatial norm has 32 groups
        down_block_types=[*["DownEncoderBlock2D"] * 3, "AttnDownEncoderBlock2D"],
        up_block_types=["AttnUpDecoderBlock2D", *["UpDecoderBlock2D"] * 3],
        latent_channels=4,
        norm_num_groups=8,
        norm_type="spatial",
        num_vq_embeddings=12,
        vq_embed_dim=4,
    )


def kandinsky_prior() -> dict[str, Any]:
    """The prior of Kandinsky 2.x."""
    return {
        "prior": prior(),
        "image_encoder": text.clip_vision(),
        "text_encoder": text.clip_text_projected(),
        "tokenizer": text.clip_tokenizer(),
        "scheduler": UnCLIPScheduler(
            variance_type="fixed_small_log", prediction_type="sample", clip_sample_range=10.0
        ),
        "image_processor": text.clip_processor(),
    }


def kandinsky_unet(in_channels: int, kind: str, projection: str) -> UNet2DConditionModel:
    """Kandinsky's UNet, conditioned on an image embedding as `kind` and `projection` say."""
    return unets.conditioned(
        in_channels,
        8,
        **SIMPLE,
        addition_embed_type=kind,
        encoder_hid_dim=32,
        encoder_hid_dim_type=projection,
    )


def kandinsky1(in_channels: int = 4) -> dict[str, Any]:
    """Kandinsky 2.1's decoder, with its multilingual text encoder."""
    config = MCLIPConfig(
        transformerDimSize=32,
        imageDimSize=32,
        vocab_size=text.VOCABULARY_SIZE,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=90,
        pad_token_id=1,
    )
    return {
        "text_encoder": seeded(lambda: MultilingualCLIP(config), 66),
        "tokenizer": text.roberta_tokenizer(77),
        "unet": kandinsky_unet(in_channels, "text_image", "text_image_proj"),
        "scheduler": schedulers.stable_diffusion(set_alpha_to_one=False, steps_offset=1),
        "movq": movq(),
    }


def kandinsky22(in_channels: int = 4, kind: str = "image") -> dict[str, Any]:
    """Kandinsky 2.2's decoder, which takes image embeddings alone."""
    return {
        "unet": kandinsky_unet(in_channels, kind, "image_proj"),
        "scheduler": diffusers.DDPMScheduler(clip_sample=False),
        "movq": movq(),
    }


def combined(decoder: dict[str, Any]) -> dict[str, Any]:
    """A decoder together with Kandinsky's prior."""
    return {**decoder, **{f"prior_{name}": component for name, component in kandinsky_prior().items()}}


def kandinsky3() -> dict[str, Any]:
    """Kandinsky 3 over T5."""
    unet = transformers.made(
        "Kandinsky3UNet",
        in_channels=4,
        time_embedding_dim=8,
        groups=4,
        attention_head_dim=4,
        layers_per_block=3,
        block_out_channels=(16, 32),
        cross_attention_dim=8,
        encoder_hid_dim=32,
    )
    return {
        "tokenizer": text.t5_tokenizer(128),
        "text_encoder": text.t5_encoder(),
        "unet": unet,
        "scheduler": diffusers.DDPMScheduler(beta_schedule="squaredcos_cap_v2", clip_sample=True),
        "movq": movq(),
    }


EMBEDS = {
    "image_embeds": file("tensor_1x32_a.safetensors"),
    "negative_image_embeds": file("tensor_1x32_b.safetensors"),
}
SQUARE = {"height": 64, "width": 64, "guidance_scale": 4.0, "output_type": "np"}
SOURCE = {"image": file("image_64.png"), "strength": 0.7}
PAINT = {"image": file("image_64.png"), "mask_image": file("mask_64.png")}
HINT = {"hint": file("tensor_1x3x64x64.safetensors")}
TWO_STAGES = {"num_inference_steps": 2, "prior_num_inference_steps": 2}

PIPELINES = (
    tiny("KandinskyPriorPipeline", "kandinsky", kandinsky_prior, {**PROMPT, "output_type": "np"}),
    tiny("KandinskyPipeline", "kandinsky", kandinsky1, {**PROMPT, **EMBEDS, **SQUARE}),
    tiny(
        "KandinskyImg2ImgPipeline", "kandinsky", kandinsky1, {**PROMPT, **EMBEDS, **SQUARE, **SOURCE}, steps=3
    ),
    tiny(
        "KandinskyInpaintPipeline",
        "kandinsky",
        lambda: kandinsky1(9),
        {**PROMPT, **EMBEDS, **SQUARE, **PAINT},
    ),
    tiny(
        "KandinskyCombinedPipeline",
        "kandinsky",
        lambda: combined(kandinsky1()),
        {**PROMPT, **SQUARE, **TWO_STAGES},
        steps=None,
    ),
    tiny(
        "KandinskyImg2ImgCombinedPipeline",
        "kandinsky",
        lambda: combined(kandinsky1()),
        {**PROMPT, **SQUARE, **SOURCE, **TWO_STAGES, "num_inference_steps": 3},
        steps=None,
    ),
    tiny(
        "KandinskyInpaintCombinedPipeline",
        "kandinsky",
        lambda: combined(kandinsky1(9)),
        {**PROMPT, **SQUARE, **PAINT, **TWO_STAGES},
        steps=None,
    ),
    tiny("KandinskyV22PriorPipeline", "kandinsky", kandinsky_prior, {**PROMPT, "output_type": "np"}),
    tiny(
        "KandinskyV22PriorEmb2EmbPipeline",
        "kandinsky",
        kandinsky_prior,
        {**PROMPT, "image": file("image_32.png"), "strength": 0.7, "output_type": "np"},
        steps=3,
    ),
    tiny("KandinskyV22Pipeline", "kandinsky", kandinsky22, {**EMBEDS, **SQUARE}),
    tiny("KandinskyV22Img2ImgPipeline", "kandinsky", kandinsky22, {**EMBEDS, **SQUARE, **SOURCE}, steps=3),
    tiny("KandinskyV22InpaintPipeline", "kandinsky", lambda: kandinsky22(9), {**EMBEDS, **SQUARE, **PAINT}),
    tiny(
        "KandinskyV22ControlnetPipeline",
        "kandinsky",
        lambda: kandinsky22(8, "image_hint"),
        {**EMBEDS, **SQUARE, **HINT},
    ),
    tiny(
        "KandinskyV22ControlnetImg2ImgPipeline",
        "kandinsky",
        lambda: kandinsky22(8, "image_hint"),
        {**EMBEDS, **SQUARE, **HINT, **SOURCE},
        steps=3,
    ),
    tiny(
        "KandinskyV22CombinedPipeline",
        "kandinsky",
        lambda: combined(kandinsky22()),
        {**PROMPT, **SQUARE, **TWO_STAGES},
        steps=None,
    ),
    tiny(
        "KandinskyV22Img2ImgCombinedPipeline",
        "kandinsky",
        lambda: combined(kandinsky22()),
        {**PROMPT, **SQUARE, **SOURCE, **TWO_STAGES, "num_inference_steps": 3},
        steps=None,
    ),
    tiny(
        "KandinskyV22InpaintCombinedPipeline",
        "kandinsky",
        lambda: combined(kandinsky22(9)),
        {**PROMPT, **SQUARE, **PAINT, **TWO_STAGES},
        steps=None,
    ),
    tiny("Kandinsky3Pipeline", "kandinsky", kandinsky3, {**PROMPT, **SQUARE}),
    tiny(
        "Kandinsky3Img2ImgPipeline",
        "kandinsky",
        kandinsky3,
        {**PROMPT, **SOURCE, "guidance_scale": 4.0, "output_type": "np"},
        steps=3,
    ),
)
