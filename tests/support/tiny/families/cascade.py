"""Stable Cascade and Wuerstchen: a prior in a strongly compressed space, then a decoder."""

from __future__ import annotations

from typing import Any

from diffusers import (
    DDPMWuerstchenScheduler,
)
from diffusers.pipelines.deprecated.wuerstchen.modeling_paella_vq_model import PaellaVQModel
from diffusers.pipelines.deprecated.wuerstchen.modeling_wuerstchen_diffnext import WuerstchenDiffNeXt
from diffusers.pipelines.deprecated.wuerstchen.modeling_wuerstchen_prior import WuerstchenPrior

from tests.support.tiny import text, transformers
from tests.support.tiny.components import centred, filled, seeded
from tests.support.tiny.entry import tiny
from tests.support.tiny.families.unclip import PROMPT
from tests.support.tiny.inputs import file


def paella() -> PaellaVQModel:
    """The quantised autoencoder of Wuerstchen and Stable Cascade, of spatial factor 4."""
    model = seeded(PaellaVQModel, 67, bottleneck_blocks=1, num_vq_embeddings=8, embed_dim=16)
    return centred(model, model.out_block[0], 0.5)


def cascade_prior() -> dict[str, Any]:
    """The prior of Stable Cascade."""
    model = transformers.made(
        "StableCascadeUNet",
        conditioning_dim=32,
        block_out_channels=(32, 32),
        num_attention_heads=(2, 2),
        down_num_layers_per_block=(1, 1),
        up_num_layers_per_block=(1, 1),
        clip_image_in_channels=32,
        clip_text_in_channels=32,
        clip_text_pooled_in_channels=32,
        switch_level=(False,),
    )
    return {
        "prior": model,
        "text_encoder": text.clip_text_projected(),
        "tokenizer": text.clip_tokenizer(),
        "scheduler": DDPMWuerstchenScheduler(),
    }


def cascade_decoder() -> dict[str, Any]:
    """The decoder of Stable Cascade; its dropout of 0.1 shows whether evaluation mode is set."""
    plain, attentive = ("SDCascadeResBlock", "SDCascadeTimestepBlock"), ("SDCascadeAttnBlock",)
    model = transformers.made(
        "StableCascadeUNet",
        in_channels=4,
        out_channels=4,
        conditioning_dim=32,
        block_out_channels=(16, 32),
        num_attention_heads=(-1, 2),
        down_num_layers_per_block=(1, 1),
        up_num_layers_per_block=(1, 1),
        down_blocks_repeat_mappers=(1, 1),
        up_blocks_repeat_mappers=(1, 1),
        block_types_per_layer=(plain, plain + attentive),
        switch_level=None,
        clip_text_pooled_in_channels=32,
        dropout=(0.1, 0.1),
    )
    return {
        "decoder": model,
        "text_encoder": text.clip_text_projected(),
        "tokenizer": text.clip_tokenizer(),
        "scheduler": DDPMWuerstchenScheduler(),
        "vqgan": paella(),
    }


def wuerstchen_prior() -> dict[str, Any]:
    """The prior of Wuerstchen."""
    prior_model = filled(seeded(WuerstchenPrior, 68, c_in=2, c=8, depth=2, c_cond=32, c_r=8, nhead=2), 68)
    return {
        "prior": centred(
            prior_model, prior_model.out[1], 0.0
        ),  # it divides by one minus half of its channels
        "text_encoder": text.clip_text(),
        "tokenizer": text.clip_tokenizer(),
        "scheduler": DDPMWuerstchenScheduler(),
    }


def wuerstchen_decoder() -> dict[str, Any]:
    """The decoder of Wuerstchen."""
    settings = {
        "c_cond": 32,
        "c_hidden": [16],
        "nhead": [-1],
        "blocks": [2],
        "level_config": ["CT"],
        "clip_embd": 32,
    }
    return {
        "decoder": filled(seeded(WuerstchenDiffNeXt, 69, **settings, inject_effnet=[False]), 69),
        "text_encoder": text.clip_text(),
        "tokenizer": text.clip_tokenizer(),
        "scheduler": DDPMWuerstchenScheduler(),
        "vqgan": paella(),
    }


def cascaded(prior_stage: dict[str, Any], decoder: dict[str, Any]) -> dict[str, Any]:
    """A decoder and its prior in one pipeline."""
    return {**decoder, **{f"prior_{name}": component for name, component in prior_stage.items()}}


TWO_STAGES = {"num_inference_steps": 2, "prior_num_inference_steps": 2}

PIPELINES = (
    tiny(
        "StableCascadePriorPipeline",
        "cascade",
        cascade_prior,
        {**PROMPT, "height": 128, "width": 128, "output_type": "np"},
    ),
    tiny(
        "StableCascadeDecoderPipeline",
        "cascade",
        cascade_decoder,
        {
            **PROMPT,
            "image_embeddings": file("tensor_1x16x4x4.safetensors"),
            "guidance_scale": 2.0,
            "output_type": "np",
        },
    ),
    tiny(
        "StableCascadeCombinedPipeline",
        "cascade",
        lambda: cascaded(cascade_prior(), cascade_decoder()),
        {**PROMPT, "height": 128, "width": 128, "output_type": "np", **TWO_STAGES},
        steps=None,
    ),
    tiny(
        "WuerstchenPriorPipeline",
        "cascade",
        wuerstchen_prior,
        {**PROMPT, "height": 128, "width": 128, "output_type": "np"},
    ),
    tiny(
        "WuerstchenDecoderPipeline",
        "cascade",
        wuerstchen_decoder,
        {**PROMPT, "image_embeddings": file("tensor_1x4x4x4.safetensors"), "output_type": "np"},
    ),
    tiny(
        "WuerstchenCombinedPipeline",
        "cascade",
        lambda: cascaded(wuerstchen_prior(), wuerstchen_decoder()),
        {**PROMPT, "height": 128, "width": 128, "output_type": "np", **TWO_STAGES},
        steps=None,
    ),
)
