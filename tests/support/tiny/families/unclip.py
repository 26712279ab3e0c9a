"""unCLIP and Stable unCLIP: a prior over image embeddings, then a decoder."""

from __future__ import annotations

from typing import Any

import diffusers
import torch
from diffusers import (
    PriorTransformer,
    UnCLIPScheduler,
)
from diffusers.pipelines.deprecated.unclip.text_proj import UnCLIPTextProjModel
from diffusers.pipelines.stable_diffusion.stable_unclip_image_normalizer import StableUnCLIPImageNormalizer

from tests.support.tiny import schedulers, text, unets, vaes
from tests.support.tiny.components import filled, seeded
from tests.support.tiny.entry import tiny
from tests.support.tiny.families.stable_diffusion import TEXT
from tests.support.tiny.inputs import file

SIMPLE = {
    "block_out_channels": (16, 32),
    "down_block_types": ("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
    "mid_block_type": "UNetMidBlock2DSimpleCrossAttn",
    "up_block_types": ("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
    "resnet_time_scale_shift": "scale_shift",
}
"""The blocks of unCLIP's, Kandinsky's and IF's UNets."""


def prior(width: int = 32, seed: int = 60, **config: Any) -> PriorTransformer:
    """A prior over embeddings `width` wide; its statistics, which initialise to zero, become those of a unit normal."""
    settings = {
        "num_attention_heads": 2,
        "attention_head_dim": 12,
        "num_layers": 1,
        "embedding_dim": width,
        **config,
    }
    model = filled(seeded(PriorTransformer, seed, **{"num_embeddings": 16, **settings}), seed)
    with torch.no_grad():
        model.clip_mean.zero_()
        model.clip_std.fill_(1.0)
    return model


def prior_scheduler() -> UnCLIPScheduler:
    """The scheduler of unCLIP's prior."""
    return UnCLIPScheduler(variance_type="fixed_small_log", prediction_type="sample", clip_sample_range=5.0)


def super_resolution(seed: int) -> diffusers.UNet2DModel:
    """A super-resolution UNet, which also reads the image to enlarge."""
    return seeded(
        diffusers.UNet2DModel,
        seed,
        sample_size=32,
        layers_per_block=1,
        norm_num_groups=4,
        down_block_types=("ResnetDownsampleBlock2D", "ResnetDownsampleBlock2D"),
        up_block_types=("ResnetUpsampleBlock2D", "ResnetUpsampleBlock2D"),
        block_out_channels=(16, 32),
        in_channels=6,
        out_channels=3,
        attention_head_dim=4,
    )


def unclip_decoder() -> dict[str, Any]:
    """What text-to-image unCLIP and its image variation share."""
    decoder = unets.conditioned(3, 6, **SIMPLE, class_embed_type="identity")
    projection = {"clip_embeddings_dim": 32, "time_embed_dim": 64, "cross_attention_dim": 32}
    return {
        "decoder": decoder,
        "text_encoder": text.clip_text_projected(),
        "tokenizer": text.clip_tokenizer(),
        "text_proj": filled(seeded(UnCLIPTextProjModel, 61, **projection), 61),
        "super_res_first": super_resolution(62),
        "super_res_last": super_resolution(63),
        "decoder_scheduler": UnCLIPScheduler(variance_type="learned_range", prediction_type="sample"),
        "super_res_scheduler": UnCLIPScheduler(variance_type="fixed_small_log", prediction_type="sample"),
    }


def unclip() -> dict[str, Any]:
    """UnCLIP from text."""
    return {**unclip_decoder(), "prior": prior(), "prior_scheduler": prior_scheduler()}


def unclip_variation() -> dict[str, Any]:
    """UnCLIP from an image."""
    return {
        **unclip_decoder(),
        "image_encoder": text.clip_vision(),
        "feature_extractor": text.clip_processor(),
    }


def stable_unclip() -> dict[str, Any]:
    """What both Stable unCLIP pipelines share: a UNet conditioned on a noised image embedding."""
    unet = unets.conditioned(class_embed_type="projection", projection_class_embeddings_input_dim=64)
    return {
        "image_normalizer": seeded(StableUnCLIPImageNormalizer, 64, embedding_dim=32),
        "image_noising_scheduler": diffusers.DDPMScheduler(beta_schedule="squaredcos_cap_v2"),
        "tokenizer": text.clip_tokenizer(),
        "text_encoder": text.clip_text(),
        "unet": unet,
        "scheduler": schedulers.stable_diffusion(),
        "vae": vaes.kl(),
    }


def stable_unclip_text() -> dict[str, Any]:
    """Stable unCLIP from text, through a prior."""
    return {
        **stable_unclip(),
        "prior_tokenizer": text.clip_tokenizer(),
        "prior_text_encoder": text.clip_text_projected(),
        "prior": prior(),
        "prior_scheduler": diffusers.DDPMScheduler(
            variance_type="fixed_small_log", prediction_type="sample", clip_sample_range=5.0
        ),
    }


def stable_unclip_image() -> dict[str, Any]:
    """Stable unCLIP from an image."""
    return {
        **stable_unclip(),
        "image_encoder": text.clip_vision(),
        "feature_extractor": text.clip_processor(),
    }


PROMPT = {"prompt": "a handwritten seven"}
UNCLIP_STEPS = {"prior": 2, "decoder": 3, "super_res": 2}

PIPELINES = (
    tiny("UnCLIPPipeline", "unclip", unclip, {**PROMPT, "output_type": "np"}, steps=UNCLIP_STEPS),
    tiny(
        "UnCLIPImageVariationPipeline",
        "unclip",
        unclip_variation,
        {"image": file("image_32.png"), "output_type": "np"},
        steps={"decoder": 3, "super_res": 2},
    ),
    tiny("StableUnCLIPPipeline", "unclip", stable_unclip_text, {**TEXT, "prior_num_inference_steps": 2}),
    tiny(
        "StableUnCLIPImg2ImgPipeline", "unclip", stable_unclip_image, {**TEXT, "image": file("image_32.png")}
    ),
)
