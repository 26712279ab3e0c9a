"""PixArt, Sana and DiT: image transformers over one text encoder or a class label."""

from __future__ import annotations

from typing import Any

from diffusers import SCMScheduler

from tests.support.tiny import schedulers, text, transformers, vaes
from tests.support.tiny.entry import tiny
from tests.support.tiny.families.stable_diffusion import CONTROL, TEXT
from tests.support.tiny.inputs import file

LENGTH = {"max_sequence_length": 16}
PIXART_CALL = {**TEXT, **LENGTH, "use_resolution_binning": False, "clean_caption": False}
SANA_CALL = {**TEXT, **LENGTH, "use_resolution_binning": False, "complex_human_instruction": None}


def pixart(**changes: Any) -> dict[str, Any]:
    """The components of PixArt."""
    components: dict[str, Any] = {
        "tokenizer": text.t5_tokenizer(),
        "text_encoder": text.t5_encoder(),
        "vae": vaes.kl(),
        "transformer": transformers.made("PixArtTransformer2DModel", **transformers.PIXART),
        "scheduler": schedulers.stable_diffusion("DPMSolverMultistepScheduler"),
    }
    return {**components, **changes}


def sana(**changes: Any) -> dict[str, Any]:
    """The components of Sana."""
    components: dict[str, Any] = {
        "tokenizer": text.gemma_tokenizer(),
        "text_encoder": text.decoder("Gemma2Model", "Gemma2Config"),
        "vae": vaes.dc(),
        "transformer": transformers.made("SanaTransformer2DModel", **transformers.SANA),
        "scheduler": schedulers.flow(shift=3.0),
    }
    return {**components, **changes}


def sprint() -> dict[str, Any]:
    """Sana Sprint: few steps, with the guidance scale embedded."""
    settings = {**transformers.SANA, "qk_norm": "rms_norm_across_heads", "guidance_embeds": True}
    return sana(transformer=transformers.made("SanaTransformer2DModel", **settings), scheduler=SCMScheduler())


def dit() -> dict[str, Any]:
    """DiT over ImageNet's class labels."""
    transformer = transformers.made(
        "DiTTransformer2DModel",
        num_attention_heads=2,
        attention_head_dim=8,
        in_channels=4,
        out_channels=8,
        num_layers=2,
        attention_bias=True,
        sample_size=16,
        patch_size=4,
        activation_fn="gelu-approximate",
        num_embeds_ada_norm=1000,
        norm_type="ada_norm_zero",
        norm_elementwise_affine=False,
    )
    return {"transformer": transformer, "vae": vaes.kl(), "scheduler": schedulers.stable_diffusion()}


PIPELINES = (
    tiny("PixArtAlphaPipeline", "pixart", pixart, PIXART_CALL),
    tiny("PixArtSigmaPipeline", "pixart", pixart, PIXART_CALL),
    tiny(
        "PixArtSigmaPAGPipeline",
        "pixart",
        lambda: pixart(pag_applied_layers=["blocks.1"]),
        {**PIXART_CALL, "pag_scale": 3.0},
    ),
    tiny("SanaPipeline", "sana", sana, SANA_CALL),
    tiny(
        "SanaPAGPipeline",
        "sana",
        lambda: sana(pag_applied_layers=["transformer_blocks.0"]),
        {**SANA_CALL, "pag_scale": 3.0},
    ),
    tiny(
        "SanaControlNetPipeline",
        "sana",
        lambda: sana(controlnet=transformers.made("SanaControlNetModel", 43, **transformers.SANA)),
        {**SANA_CALL, "control_image": CONTROL},
    ),
    tiny("SanaSprintPipeline", "sana", sprint, SANA_CALL),
    tiny(
        "SanaSprintImg2ImgPipeline",
        "sana",
        sprint,
        {**SANA_CALL, "image": file("image_32.png"), "strength": 0.7},
    ),
    tiny("DiTPipeline", "dit", dit, {"class_labels": [207], "guidance_scale": 4.0, "output_type": "np"}),
)
