"""Flux, its control, fill, redux and kontext variants, and what is built on its transformer."""

from __future__ import annotations

from typing import Any

from diffusers import FluxControlNetModel
from diffusers.pipelines.flux.modeling_flux import ReduxImageEncoder
from transformers import SiglipImageProcessorPil, SiglipVisionConfig, SiglipVisionModel

from tests.support.tiny import schedulers, text, transformers, vaes
from tests.support.tiny.components import filled, seeded
from tests.support.tiny.entry import tiny
from tests.support.tiny.families.stable_diffusion import CONTROL, IMAGE, MASK, SIZE, TEXT, without
from tests.support.tiny.inputs import file

FAMILY = "flux"
LENGTH = {"max_sequence_length": 16}
CALL = {**TEXT, **LENGTH}
FROM = {**IMAGE, **SIZE, **LENGTH}
PAINT = {**MASK, **SIZE, **LENGTH}


def base(**changes: Any) -> dict[str, Any]:
    """The components of Flux."""
    components: dict[str, Any] = {
        "scheduler": schedulers.flow(),
        "vae": vaes.kl_flow(),
        "text_encoder": text.clip_text(),
        "tokenizer": text.clip_tokenizer(),
        "text_encoder_2": text.t5_encoder(),
        "tokenizer_2": text.t5_tokenizer(),
        "transformer": transformers.flux(),
    }
    return {**components, **changes}


def control() -> dict[str, Any]:
    """Flux whose transformer reads the condition beside the latents."""
    return base(transformer=transformers.flux(in_channels=32, out_channels=16))


def controlled() -> dict[str, Any]:
    """Flux with a ControlNet."""
    return base(controlnet=filled(seeded(FluxControlNetModel, 44, **transformers.FLUX), 44))


def fill(**changes: Any) -> dict[str, Any]:
    """Flux Fill: 16 latent channels, 16 of the masked image and 4 of the mask at twice the resolution."""
    return base(transformer=transformers.flux(in_channels=36, out_channels=16), **changes)


def redux() -> dict[str, Any]:
    """The prior that turns an image into text embeddings."""
    config = SiglipVisionConfig(
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=32,
        patch_size=8,
    )
    components = without(base(), "scheduler", "vae", "transformer")
    return {
        **components,
        "image_encoder": seeded(lambda: SiglipVisionModel(config), 45),
        "feature_extractor": SiglipImageProcessorPil(size={"height": 32, "width": 32}),
        "image_embedder": seeded(ReduxImageEncoder, 46, redux_dim=16, txt_in_features=32),
    }


def cloze() -> dict[str, Any]:
    """VisualCloze, which fills in the missing image of a grid."""
    return fill(resolution=32)


GRID = {
    "task_prompt": "from [IMAGE1] to [IMAGE2]",
    "content_prompt": "a handwritten seven",
    "image": [[file("image_32.png"), file("image_32_b.png")], [file("image_32_c.png"), None]],
    "guidance_scale": 5.0,
    "output_type": "np",
}

PIPELINES = (
    tiny("FluxPipeline", FAMILY, base, CALL),
    tiny("FluxImg2ImgPipeline", FAMILY, base, FROM, steps=3),
    tiny("FluxInpaintPipeline", FAMILY, base, PAINT, steps=3),
    tiny("FluxControlPipeline", FAMILY, control, {**CALL, "control_image": CONTROL}),
    tiny("FluxControlImg2ImgPipeline", FAMILY, control, {**FROM, "control_image": CONTROL}, steps=3),
    tiny("FluxControlInpaintPipeline", FAMILY, control, {**PAINT, "control_image": CONTROL}, steps=3),
    tiny("FluxControlNetPipeline", FAMILY, controlled, {**CALL, "control_image": CONTROL}),
    tiny("FluxControlNetImg2ImgPipeline", FAMILY, controlled, {**FROM, "control_image": CONTROL}, steps=3),
    tiny("FluxControlNetInpaintPipeline", FAMILY, controlled, {**PAINT, "control_image": CONTROL}, steps=3),
    tiny("FluxFillPipeline", FAMILY, fill, PAINT, steps=3),
    tiny(
        "FluxKontextPipeline",
        FAMILY,
        base,
        {**CALL, "image": file("image_32.png"), "max_area": 1024, "_auto_resize": False},
    ),
    tiny("FluxKontextInpaintPipeline", FAMILY, base, {**PAINT, "_auto_resize": False}, steps=3),
    tiny(
        "FluxPriorReduxPipeline",
        FAMILY,
        redux,
        {"image": file("image_32.png"), "prompt": "a seven"},
        steps=None,
        generator="none",
    ),
    tiny("VisualClozeGenerationPipeline", FAMILY, cloze, {**GRID, **LENGTH}),
    tiny(
        "VisualClozePipeline",
        FAMILY,
        cloze,
        {**GRID, **LENGTH, "upsampling_height": 32, "upsampling_width": 32, "upsampling_strength": 0.6},
    ),
)
