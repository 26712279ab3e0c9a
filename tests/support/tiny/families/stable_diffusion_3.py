"""Stable Diffusion 3."""

from __future__ import annotations

from typing import Any

from diffusers import SD3ControlNetModel

from tests.support.tiny import schedulers, text, transformers, vaes
from tests.support.tiny.components import filled, seeded
from tests.support.tiny.entry import tiny
from tests.support.tiny.families.stable_diffusion import CONTROL, IMAGE, MASK, SIZE, TEXT
from tests.support.tiny.inputs import file

FAMILY = "stable-diffusion-3"
PAG = {"pag_scale": 0.7}


def base(**changes: Any) -> dict[str, Any]:
    """The components of Stable Diffusion 3: three text encoders and a joint transformer."""
    components: dict[str, Any] = {
        "transformer": transformers.sd3(),
        "scheduler": schedulers.flow(),
        "vae": vaes.kl_flow(),
        "text_encoder": text.clip_text_projected(),
        "tokenizer": text.clip_tokenizer(),
        "text_encoder_2": text.clip_text_projected(seed=2),
        "tokenizer_2": text.clip_tokenizer(),
        "text_encoder_3": text.t5_encoder(),
        "tokenizer_3": text.t5_tokenizer(),
    }
    return {**components, **changes}


def controlled(extra: int = 0) -> dict[str, Any]:
    """Stable Diffusion 3 with a ControlNet, which sees `extra` more channels when it inpaints."""
    settings = {**transformers.SD3, "num_layers": 1, "extra_conditioning_channels": extra}
    return base(controlnet=filled(seeded(SD3ControlNetModel, 43, **settings), 43))


def pag() -> dict[str, Any]:
    """Stable Diffusion 3 with perturbed attention in its first block."""
    return base(pag_applied_layers=["blocks.0"])


PIPELINES = (
    tiny("StableDiffusion3Pipeline", FAMILY, base, TEXT),
    tiny("StableDiffusion3Img2ImgPipeline", FAMILY, base, {**IMAGE, **SIZE}, steps=3),
    tiny(
        "StableDiffusion3InpaintPipeline",
        FAMILY,
        lambda: base(vae=vaes.kl_flow(16), transformer=transformers.sd3(in_channels=16, out_channels=16)),
        {**MASK, **SIZE},
        steps=3,
    ),
    tiny("StableDiffusion3ControlNetPipeline", FAMILY, controlled, {**TEXT, "control_image": CONTROL}),
    tiny(
        "StableDiffusion3ControlNetInpaintingPipeline",
        FAMILY,
        lambda: controlled(1),
        {**TEXT, "control_image": CONTROL, "control_mask": file("mask_32.png")},
    ),
    tiny("StableDiffusion3PAGPipeline", FAMILY, pag, {**TEXT, **PAG}),
    tiny("StableDiffusion3PAGImg2ImgPipeline", FAMILY, pag, {**IMAGE, **SIZE, **PAG}, steps=3),
)
