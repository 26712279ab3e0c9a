"""DeepFloyd IF, which diffuses pixels in stages, and Shap-E, which diffuses shapes."""

from __future__ import annotations

from typing import Any

import diffusers
from diffusers import (
    PriorTransformer,
)
from diffusers.pipelines.shap_e.renderer import ShapERenderer

from tests.support.tiny import text, unets
from tests.support.tiny.components import filled, seeded
from tests.support.tiny.entry import tiny
from tests.support.tiny.families.stable_diffusion import TEXT
from tests.support.tiny.families.unclip import PROMPT, SIMPLE
from tests.support.tiny.inputs import file


def floyd(larger: bool = False) -> dict[str, Any]:
    """DeepFloyd IF; the super-resolution stages (`larger`) read the smaller image beside the noise."""
    learned = diffusers.DDPMScheduler(
        beta_schedule="squaredcos_cap_v2",
        thresholding=True,
        sample_max_value=1.0,
        variance_type="learned_range",
    )
    options: dict[str, Any] = {"class_embed_type": "timestep"} if larger else {}
    unet = unets.conditioned(
        6 if larger else 3,
        6,
        **SIMPLE,
        encoder_hid_dim=32,
        addition_embed_type="text",
        addition_embed_type_num_heads=2,
        cross_attention_norm="group_norm",
        act_fn="gelu",
        **options,
    )
    components: dict[str, Any] = {
        "tokenizer": text.t5_tokenizer(77),
        "text_encoder": text.t5_encoder(),
        "unet": unet,
        "scheduler": learned,
        "safety_checker": None,
        "feature_extractor": None,
        "watermarker": None,
    }
    noising = {"image_noising_scheduler": diffusers.DDPMScheduler(beta_schedule="squaredcos_cap_v2")}
    return {**components, **(noising if larger else {})}


def shap_e(**prior_config: Any) -> dict[str, Any]:
    """What both Shap-E pipelines share: a prior over a latent that a renderer turns into a shape."""
    width = 8
    renderer = seeded(
        ShapERenderer,
        70,
        param_shapes=((width, 93), (width, 8), (width, 8), (width, 8)),
        d_latent=16,
        d_hidden=width,
        n_output=12,
        background=(0.1, 0.1, 0.1),
    )
    model = filled(
        seeded(
            PriorTransformer,
            71,
            num_attention_heads=2,
            attention_head_dim=16,
            embedding_dim=16,
            num_embeddings=32,
            embedding_proj_dim=32,
            time_embed_dim=64,
            num_layers=1,
            clip_embed_dim=32,
            additional_embeddings=0,
            time_embed_act_fn="gelu",
            norm_in_type="layer",
            encoder_hid_proj_type=None,
            added_emb_type=None,
            **prior_config,
        ),
        71,
    )
    scheduler = diffusers.HeunDiscreteScheduler(
        beta_schedule="exp",
        num_train_timesteps=1024,
        prediction_type="sample",
        use_karras_sigmas=True,
        clip_sample=True,
        clip_sample_range=1.0,
    )
    return {"prior": model, "scheduler": scheduler, "shap_e_renderer": renderer}


def shap_e_text() -> dict[str, Any]:
    """Shap-E from text."""
    return {**shap_e(), "text_encoder": text.clip_text_projected(), "tokenizer": text.clip_tokenizer()}


def shap_e_image() -> dict[str, Any]:
    """Shap-E from an image."""
    encoder = text.clip_vision_plain(image_size=32, patch_size=8)
    components = shap_e(embedding_proj_norm_type="layer")
    return {**components, "image_encoder": encoder, "image_processor": text.clip_processor()}


IF_CALL = {**TEXT, "clean_caption": False}
IF_IMAGE = {
    "prompt": "a handwritten seven",
    "output_type": "np",
    "clean_caption": False,
    "image": file("image_32.png"),
}
PATCH = {"image": file("image_16.png"), "original_image": file("image_32.png")}

PIPELINES = (
    tiny("IFPipeline", "deepfloyd-if", floyd, IF_CALL),
    tiny("IFImg2ImgPipeline", "deepfloyd-if", floyd, {**IF_IMAGE, "strength": 0.7}, steps=3),
    tiny(
        "IFInpaintingPipeline",
        "deepfloyd-if",
        floyd,
        {**IF_IMAGE, "mask_image": file("mask_32.png")},
        steps=3,
    ),
    tiny(
        "IFSuperResolutionPipeline",
        "deepfloyd-if",
        lambda: floyd(larger=True),
        {**IF_CALL, "image": file("image_16.png")},
    ),
    tiny(
        "IFImg2ImgSuperResolutionPipeline",
        "deepfloyd-if",
        lambda: floyd(larger=True),
        {**IF_IMAGE, **PATCH, "strength": 0.7},
        steps=3,
        overrides=dict.fromkeys(("safety_checker", "feature_extractor", "watermarker")),
    ),
    tiny(
        "IFInpaintingSuperResolutionPipeline",
        "deepfloyd-if",
        lambda: floyd(larger=True),
        {**IF_IMAGE, **PATCH, "mask_image": file("mask_32.png")},
        steps=3,
    ),
    tiny("ShapEPipeline", "shap-e", shap_e_text, {**PROMPT, "frame_size": 8, "output_type": "latent"}),
    tiny(
        "ShapEImg2ImgPipeline",
        "shap-e",
        shap_e_image,
        {"image": file("image_32.png"), "frame_size": 8, "output_type": "latent"},
    ),
)
