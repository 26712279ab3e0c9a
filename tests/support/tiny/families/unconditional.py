"""Pixels or audio without text: DDPM, DDIM, consistency models, and the first latent diffusion models."""

from __future__ import annotations

from typing import Any

import diffusers
from diffusers import (
    AmusedScheduler,
    CMStochasticIterativeScheduler,
    DPMSolverMultistepScheduler,
    IPNDMScheduler,
    PNDMScheduler,
    RePaintScheduler,
    ScoreSdeVeScheduler,
    UNet1DModel,
)
from diffusers.pipelines.latent_diffusion.pipeline_latent_diffusion import LDMBertConfig, LDMBertModel

from tests.support.tiny import schedulers, text, transformers, unets, vaes
from tests.support.tiny.components import centred, filled, seeded
from tests.support.tiny.entry import tiny
from tests.support.tiny.families.stable_diffusion import IMAGE, MASK, TEXT
from tests.support.tiny.inputs import file

FAMILY = "unconditional"
CALL = {"batch_size": 2, "output_type": "np"}


def unet(scheduler: Any, **config: Any) -> dict[str, Any]:
    """A UNet over pixels and its scheduler."""
    return {"unet": unets.unconditioned(**config), "scheduler": scheduler}


def vq(blocks: int = 2, seed: int = 50, **config: Any) -> diffusers.VQModel:
    """A vector-quantised autoencoder."""
    settings = {
        "block_out_channels": [8 * (index + 1) for index in range(blocks)],
        "down_block_types": ["DownEncoderBlock2D"] * blocks,
        "up_block_types": ["UpDecoderBlock2D"] * blocks,
        "latent_channels": 4,
        "norm_num_groups": 4,
        "num_vq_embeddings": 32,
        "vq_embed_dim": 4,
    }
    return seeded(diffusers.VQModel, seed, **{**settings, **config})


def latent_unconditional() -> dict[str, Any]:
    """Latent diffusion without a condition."""
    return {"vqvae": vq(), "unet": unets.unconditioned(4), "scheduler": schedulers.stable_diffusion()}


def latent_super_resolution() -> dict[str, Any]:
    """Latent diffusion whose UNet also reads the low-resolution image; factor 4 as its autoencoder has."""
    return {
        "vqvae": vq(blocks=2, latent_channels=3, vq_embed_dim=3),
        "unet": _super_resolution_unet(),
        "scheduler": DPMSolverMultistepScheduler(),
    }


def _super_resolution_unet() -> diffusers.UNet2DModel:
    settings = {
        "down_block_types": ("DownBlock2D", "AttnDownBlock2D"),
        "up_block_types": ("AttnUpBlock2D", "UpBlock2D"),
    }
    return seeded(
        diffusers.UNet2DModel,
        51,
        in_channels=6,
        out_channels=3,
        block_out_channels=(16, 32),
        layers_per_block=1,
        norm_num_groups=4,
        attention_head_dim=4,
        sample_size=16,
        **settings,
    )


def latent_text() -> dict[str, Any]:
    """The first text-to-image latent diffusion, over its own BERT."""
    config = LDMBertConfig(
        vocab_size=text.VOCABULARY_SIZE,
        encoder_layers=2,
        encoder_ffn_dim=32,
        encoder_attention_heads=2,
        head_dim=16,
        d_model=32,
        max_position_embeddings=77,
        pad_token_id=0,
    )
    return {
        "vqvae": vaes.kl(),
        "bert": filled(seeded(lambda: LDMBertModel(config), 52), 52),
        "tokenizer": text.bert_tokenizer(77),
        "unet": unets.conditioned(),
        "scheduler": schedulers.stable_diffusion(),
    }


def dance() -> dict[str, Any]:
    """Dance Diffusion: raw audio of two channels."""
    blocks = {
        "down_block_types": ("DownBlock1DNoSkip", "DownBlock1D", "AttnDownBlock1D"),
        "up_block_types": ("AttnUpBlock1D", "UpBlock1D", "UpBlock1DNoSkip"),
    }
    unet_1d = seeded(
        UNet1DModel,
        53,
        block_out_channels=(32, 32, 64),
        extra_in_channels=64,
        sample_size=512,
        sample_rate=16_000,
        in_channels=2,
        out_channels=2,
        flip_sin_to_cos=True,
        use_timestep_embedding=False,
        time_embedding_type="fourier",
        mid_block_type="UNetMidBlock1D",
        **blocks,
    )
    return {"unet": unet_1d, "scheduler": IPNDMScheduler()}


def amused() -> dict[str, Any]:
    """aMUSEd: a masked transformer over a codebook of 32."""
    transformer = transformers.made(
        "UVit2DModel",
        hidden_size=16,
        use_bias=False,
        hidden_dropout=0.0,
        cond_embed_dim=32,
        micro_cond_encode_dim=4,
        micro_cond_embed_dim=20,
        encoder_hidden_size=32,
        vocab_size=33,
        codebook_size=32,
        in_channels=16,
        block_out_channels=16,
        num_res_blocks=1,
        downsample=False,
        upsample=False,
        block_num_heads=2,
        num_hidden_layers=1,
        num_attention_heads=2,
        attention_dropout=0.0,
        intermediate_size=32,
        layer_norm_eps=1e-6,
        ln_elementwise_affine=True,
    )
    vqvae = vq(lookup_from_codebook=True)
    return {
        "vqvae": centred(vqvae, vqvae.decoder.conv_out, 0.5, 0.5),
        "tokenizer": text.clip_tokenizer(),
        "text_encoder": text.clip_text_projected(),
        "transformer": transformer,
        "scheduler": AmusedScheduler(mask_token_id=32),
    }


def consistency() -> dict[str, Any]:
    """A consistency model."""
    return unet(CMStochasticIterativeScheduler(num_train_timesteps=40, sigma_min=0.002, sigma_max=80.0))


REPAINT = {
    "image": file("image_32.png"),
    "mask_image": file("mask_32.png"),
    "jump_length": 1,
    "jump_n_sample": 2,
}

PIPELINES = (
    tiny("DDPMPipeline", FAMILY, lambda: unet(diffusers.DDPMScheduler(prediction_type="sample")), CALL),
    tiny(
        "DDIMPipeline",
        FAMILY,
        lambda: unet(diffusers.DDIMScheduler(prediction_type="sample")),
        {**CALL, "eta": 0.5},
    ),
    tiny("PNDMPipeline", FAMILY, lambda: unet(PNDMScheduler(prediction_type="v_prediction")), CALL, steps=4),
    tiny("KarrasVePipeline", FAMILY, lambda: unet(diffusers.KarrasVeScheduler(sigma_max=1.0)), CALL),
    tiny("ScoreSdeVePipeline", FAMILY, lambda: unet(ScoreSdeVeScheduler(sigma_max=1.0)), CALL, steps=3),
    tiny(
        "RePaintPipeline", FAMILY, lambda: unet(RePaintScheduler()), {**REPAINT, "output_type": "np"}, steps=3
    ),
    tiny("ConsistencyModelPipeline", FAMILY, consistency, CALL),
    tiny("LDMPipeline", FAMILY, latent_unconditional, CALL),
    tiny(
        "LDMSuperResolutionPipeline",
        FAMILY,
        latent_super_resolution,
        {"image": file("image_32.png"), "output_type": "np"},
    ),
    tiny("LDMTextToImagePipeline", FAMILY, latent_text, TEXT),
    tiny("DanceDiffusionPipeline", FAMILY, dance, {"batch_size": 2, "audio_length_in_s": 0.03}, steps=3),
    tiny("AmusedPipeline", "amused", amused, TEXT, steps=3),
    tiny("AmusedImg2ImgPipeline", "amused", amused, {**IMAGE, "strength": 0.5}, steps=4),
    tiny("AmusedInpaintPipeline", "amused", amused, {**MASK, "strength": 0.9}, steps=4),
)
