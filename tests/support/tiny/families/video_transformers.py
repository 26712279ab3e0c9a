"""Video over transformers: Latte, Allegro, CogVideoX, LTX, Mochi, Hunyuan Video."""

from __future__ import annotations

from typing import Any

import diffusers
from diffusers import DDIMScheduler
from diffusers.pipelines.ltx.modeling_latent_upsampler import LTXLatentUpsamplerModel
from transformers import SiglipImageProcessorPil, SiglipVisionConfig, SiglipVisionModel

from tests.support.tiny import schedulers, text, transformers, vaes
from tests.support.tiny.components import filled, seeded
from tests.support.tiny.entry import tiny
from tests.support.tiny.families.image_transformers import t5_based
from tests.support.tiny.inputs import file

LENGTH = {"max_sequence_length": 16}

PROMPT = {"prompt": "a handwritten seven", "guidance_scale": 5.0, "output_type": "np", **LENGTH}

HUNYUAN = {
    "in_channels": 4,
    "out_channels": 4,
    "num_attention_heads": 2,
    "attention_head_dim": 10,
    "num_layers": 1,
    "num_single_layers": 1,
    "num_refiner_layers": 1,
    "patch_size": 1,
    "patch_size_t": 1,
    "guidance_embeds": True,
    "text_embed_dim": 16,
    "pooled_projection_dim": 32,
    "rope_axes_dim": (2, 4, 4),
}

LTX = {**PROMPT, "height": 32, "width": 32, "num_frames": 9}


def frames(count: int, size: int = 16) -> list[dict[str, object]]:
    """A video of `count` different images."""
    return [file(f"image_{size}_f{index}.png") for index in range(count)]


def latte() -> dict[str, Any]:
    """Latte over T5."""
    transformer = transformers.made("LatteTransformer3DModel", **transformers.PIXART, video_length=2)
    return t5_based(transformer, scheduler=DDIMScheduler(clip_sample=False))


def blocks(kind: str, count: int = 4) -> dict[str, Any]:
    """The same down and up block `count` times, 8 channels each."""
    return {
        "down_block_types": (f"{kind}DownBlock3D",) * count,
        "up_block_types": (f"{kind}UpBlock3D",) * count,
        "block_out_channels": (8,) * count,
    }


def allegro() -> dict[str, Any]:
    """Allegro over T5; its autoencoder only decodes in tiles of 320 pixels, so these sizes stay latent."""
    transformer = transformers.made(
        "AllegroTransformer3DModel",
        num_attention_heads=2,
        attention_head_dim=12,
        in_channels=4,
        out_channels=4,
        num_layers=1,
        cross_attention_dim=24,
        sample_width=8,
        sample_height=8,
        sample_frames=8,
        caption_channels=32,
    )
    settings = {
        "latent_channels": 4,
        "layers_per_block": 1,
        "norm_num_groups": 2,
        "temporal_compression_ratio": 4,
    }
    vae = vaes.made("AutoencoderKLAllegro", **blocks("Allegro"), **settings)
    return t5_based(transformer, vae, DDIMScheduler(clip_sample=False))


def cogvideo(in_channels: int = 4, **config: Any) -> dict[str, Any]:
    """CogVideoX over T5."""
    transformer = transformers.made(
        "CogVideoXTransformer3DModel",
        num_attention_heads=2,
        attention_head_dim=16,
        in_channels=in_channels,
        out_channels=4,
        time_embed_dim=4,
        text_embed_dim=32,
        num_layers=1,
        sample_width=2,
        sample_height=2,
        sample_frames=9,
        patch_size=2,
        temporal_compression_ratio=4,
        max_text_seq_length=16,
        **config,
    )
    settings = {
        "latent_channels": 4,
        "layers_per_block": 1,
        "norm_num_groups": 2,
        "temporal_compression_ratio": 4,
    }
    vae = vaes.made("AutoencoderKLCogVideoX", **blocks("CogVideoX"), **settings)
    return t5_based(transformer, vae, diffusers.CogVideoXDDIMScheduler())


def ltx_vae() -> diffusers.AutoencoderKLLTXVideo:
    """LTX's autoencoder, of spatial and temporal factor 4."""
    return vaes.made(
        "AutoencoderKLLTXVideo",
        latent_channels=8,
        block_out_channels=(8, 8, 8, 8),
        decoder_block_out_channels=(8, 8, 8, 8),
        layers_per_block=(1, 1, 1, 1, 1),
        decoder_layers_per_block=(1, 1, 1, 1, 1),
        spatio_temporal_scaling=(True, True, False, False),
        decoder_spatio_temporal_scaling=(True, True, False, False),
        decoder_inject_noise=(False,) * 5,
        upsample_residual=(False,) * 4,
        upsample_factor=(1,) * 4,
        timestep_conditioning=False,
        patch_size=1,
        patch_size_t=1,
        encoder_causal=True,
        decoder_causal=False,
    )


def ltx() -> dict[str, Any]:
    """LTX Video over T5."""
    transformer = transformers.made(
        "LTXVideoTransformer3DModel",
        in_channels=8,
        out_channels=8,
        patch_size=1,
        patch_size_t=1,
        num_attention_heads=4,
        attention_head_dim=8,
        cross_attention_dim=32,
        num_layers=1,
        caption_channels=32,
    )
    return t5_based(transformer, ltx_vae())


def ltx_upsampler() -> dict[str, Any]:
    """LTX's latent upsampler."""
    settings = {"in_channels": 8, "mid_channels": 32, "num_blocks_per_stage": 1, "dims": 3}
    upsampler = filled(
        seeded(LTXLatentUpsamplerModel, 88, **settings, spatial_upsample=True, temporal_upsample=False), 88
    )
    return {"vae": ltx_vae(), "latent_upsampler": upsampler}


def mochi() -> dict[str, Any]:
    """Mochi over T5; the width of its autoencoder's blocks is bound to 32 groups."""
    transformer = transformers.made(
        "MochiTransformer3DModel",
        patch_size=2,
        num_attention_heads=2,
        attention_head_dim=8,
        num_layers=2,
        pooled_projection_dim=16,
        in_channels=12,
        out_channels=None,
        qk_norm="rms_norm",
        text_embed_dim=32,
        time_embed_dim=4,
        activation_fn="swiglu",
        max_sequence_length=16,
    )
    vae = vaes.made(
        "AutoencoderKLMochi",
        latent_channels=12,
        out_channels=3,
        encoder_block_out_channels=(32, 32, 32, 32),
        decoder_block_out_channels=(32, 32, 32, 32),
        layers_per_block=(1, 1, 1, 1, 1),
    )
    return t5_based(transformer, vae)


def hunyuan(transformer: Any = None, **config: Any) -> dict[str, Any]:
    """Hunyuan Video over Llama and CLIP."""
    vae = vaes.made(
        "AutoencoderKLHunyuanVideo",
        **blocks("HunyuanVideo"),
        latent_channels=4,
        layers_per_block=1,
        norm_num_groups=4,
        spatial_compression_ratio=8,
        temporal_compression_ratio=4,
    )
    return {
        "text_encoder": text.decoder("LlamaModel", "LlamaConfig"),
        "tokenizer": text.llama_tokenizer(),
        "transformer": transformer
        or transformers.made("HunyuanVideoTransformer3DModel", **{**HUNYUAN, **config}),
        "vae": vae,
        "scheduler": schedulers.flow(shift=7.0),
        "text_encoder_2": text.clip_text(length=77),
        "tokenizer_2": text.clip_tokenizer(77),
    }


def framepack() -> dict[str, Any]:
    """Hunyuan Video Framepack, which reads the first image through SigLIP."""
    settings = {
        **HUNYUAN,
        "patch_size": 2,
        "has_image_proj": True,
        "image_proj_dim": 16,
        "has_clean_x_embedder": True,
    }
    siglip = SiglipVisionConfig(
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=32,
        patch_size=8,
    )
    return {
        **hunyuan(transformers.made("HunyuanVideoFramepackTransformer3DModel", **settings)),
        "image_encoder": seeded(lambda: SiglipVisionModel(siglip), 86),
        "feature_extractor": SiglipImageProcessorPil(size={"height": 32, "width": 32}),
    }


SMALL = {"height": 16, "width": 16}
IMAGE = {"image": file("image_16.png")}
CLIP_9 = {**PROMPT, **SMALL, "num_frames": 9}
TEMPLATE = {"prompt_template": {"template": "{}", "crop_start": 0}}
OLD = {"clean_caption": False}
COGVIDEO = {**PROMPT, **SMALL, "num_frames": 8}

PIPELINES = (
    tiny(
        "LattePipeline",
        "latte",
        latte,
        {
            "prompt": "a handwritten seven",
            "guidance_scale": 5.0,
            "output_type": "pt",
            **SMALL,
            "video_length": 2,
            **OLD,
        },
    ),
    tiny(
        "AllegroPipeline",
        "allegro",
        allegro,
        {**PROMPT, **SMALL, "num_frames": 8, **OLD, "output_type": "latent"},
    ),
    tiny("CogVideoXPipeline", "cogvideox", cogvideo, COGVIDEO),
    tiny(
        "CogVideoXFunControlPipeline",
        "cogvideox",
        lambda: cogvideo(8),
        {**PROMPT, **SMALL, "control_video": frames(8)},
    ),
    tiny(
        "CogVideoXImageToVideoPipeline",
        "cogvideox",
        lambda: cogvideo(8, use_rotary_positional_embeddings=True, use_learned_positional_embeddings=True),
        {**COGVIDEO, **IMAGE},
    ),
    tiny(
        "CogVideoXVideoToVideoPipeline",
        "cogvideox",
        cogvideo,
        {**PROMPT, **SMALL, "video": frames(8), "strength": 0.7},
        steps=3,
    ),
    tiny("LTXPipeline", "ltx", ltx, LTX),
    tiny("LTXImageToVideoPipeline", "ltx", ltx, {**LTX, "image": file("image_32.png")}),
    tiny("LTXConditionPipeline", "ltx", ltx, {**LTX, "image": file("image_32.png")}),
    tiny(
        "LTXLatentUpsamplePipeline",
        "ltx",
        ltx_upsampler,
        {"video": frames(5, 32), "height": 32, "width": 32, "output_type": "np"},
        steps=None,
    ),
    tiny("MochiPipeline", "mochi", mochi, {**PROMPT, **SMALL, "num_frames": 7}),
    tiny("HunyuanVideoPipeline", "hunyuan-video", hunyuan, {**CLIP_9, **TEMPLATE}),
    tiny(
        "HunyuanSkyreelsImageToVideoPipeline",
        "hunyuan-video",
        lambda: hunyuan(in_channels=8),
        {**CLIP_9, **TEMPLATE, **IMAGE},
    ),
    tiny(
        "HunyuanVideoFramepackPipeline",
        "hunyuan-video",
        framepack,
        {
            **PROMPT,
            **TEMPLATE,
            "height": 32,
            "width": 32,
            "num_frames": 9,
            "latent_window_size": 3,
            "image": file("image_32.png"),
        },
    ),
)
