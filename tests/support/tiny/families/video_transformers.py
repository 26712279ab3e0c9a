"""Video over transformers: Latte, Allegro, CogVideoX, LTX, Mochi, Hunyuan Video, Wan, SkyReels, Cosmos, EasyAnimate."""

from __future__ import annotations

from typing import Any

import diffusers
from diffusers import DDIMScheduler, UniPCMultistepScheduler
from diffusers.pipelines.ltx.modeling_latent_upsampler import LTXLatentUpsamplerModel
from transformers import SiglipImageProcessorPil, SiglipVisionConfig, SiglipVisionModel

from tests.support.tiny import schedulers, text, transformers, vaes
from tests.support.tiny.components import filled, seeded
from tests.support.tiny.entry import tiny
from tests.support.tiny.families.image_transformers import t5_based
from tests.support.tiny.inputs import file

LENGTH = {"max_sequence_length": 16}
PROMPT = {"prompt": "a handwritten seven", "guidance_scale": 5.0, "output_type": "np", **LENGTH}
SMALL = {"height": 16, "width": 16}
IMAGE = {"image": file("image_16.png")}


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
    """Allegro over T5; its autoencoder only works tiled."""
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
    settings = {"latent_channels": 4, "layers_per_block": 1, "norm_num_groups": 2, "temporal_compression_ratio": 4}
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
    settings = {"latent_channels": 4, "layers_per_block": 1, "norm_num_groups": 2, "temporal_compression_ratio": 4}
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
    upsampler = filled(seeded(LTXLatentUpsamplerModel, 88, **settings, spatial_upsample=True, temporal_upsample=False), 88)
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
        "transformer": transformer or transformers.made("HunyuanVideoTransformer3DModel", **{**HUNYUAN, **config}),
        "vae": vae,
        "scheduler": schedulers.flow(shift=7.0),
        "text_encoder_2": text.clip_text(length=77),
        "tokenizer_2": text.clip_tokenizer(77),
    }


def framepack() -> dict[str, Any]:
    """Hunyuan Video Framepack, which reads the first image through SigLIP."""
    settings = {**HUNYUAN, "patch_size": 2, "has_image_proj": True, "image_proj_dim": 16, "has_clean_x_embedder": True}
    siglip = SiglipVisionConfig(
        hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=32, patch_size=8
    )
    return {
        **hunyuan(transformers.made("HunyuanVideoFramepackTransformer3DModel", **settings)),
        "image_encoder": seeded(lambda: SiglipVisionModel(siglip), 86),
        "feature_extractor": SiglipImageProcessorPil(size={"height": 32, "width": 32}),
    }


def wan_vae(seed: int = 87) -> diffusers.AutoencoderKLWan:
    """Wan's autoencoder, of spatial factor 8 and temporal factor 4."""
    return vaes.made(
        "AutoencoderKLWan",
        seed,
        base_dim=4,
        z_dim=16,
        dim_mult=[1, 1, 1, 1],
        num_res_blocks=1,
        temperal_downsample=[False, True, True],
    )


WAN = {
    "patch_size": (1, 2, 2),
    "num_attention_heads": 2,
    "attention_head_dim": 12,
    "in_channels": 16,
    "out_channels": 16,
    "text_dim": 32,
    "freq_dim": 16,
    "ffn_dim": 32,
    "num_layers": 2,
    "cross_attn_norm": True,
    "qk_norm": "rms_norm_across_heads",
    "rope_max_seq_len": 32,
}


def wan(name: str = "WanTransformer3DModel", scheduler: Any = None, **config: Any) -> dict[str, Any]:
    """Wan over UMT5, or what else shares its shape, by the transformer's class `name`."""
    transformer = transformers.made(name, **{**WAN, **config})
    return t5_based(transformer, wan_vae(), scheduler or schedulers.flow(shift=7.0), kind="UMT5")


def wan_image(name: str = "WanTransformer3DModel", in_channels: int = 36, **config: Any) -> dict[str, Any]:
    """Wan from an image, which CLIP encodes."""
    components = wan(name, in_channels=in_channels, out_channels=16, image_dim=32, **config)
    return {**components, "image_encoder": text.clip_vision(), "image_processor": text.clip_processor()}


def wan_animate() -> dict[str, Any]:
    """Wan Animate, driven by a video of poses and one of faces."""
    return wan_image(
        "WanAnimateTransformer3DModel",
        latent_channels=16,
        motion_encoder_channel_sizes={"4": 16, "8": 16, "16": 16},
        motion_encoder_size=16,
        motion_style_dim=8,
        motion_dim=4,
        motion_encoder_dim=16,
        face_encoder_hidden_dim=16,
        face_encoder_num_heads=2,
        inject_face_latents_blocks=2,
    )


def skyreels(image: bool = False, **config: Any) -> dict[str, Any]:
    """SkyReels V2; `image` adds the CLIP encoder."""
    name, multistep = "SkyReelsV2Transformer3DModel", UniPCMultistepScheduler(flow_shift=8.0, use_flow_sigmas=True)
    return {**(wan_image(name) if image else wan(name, **config)), "scheduler": multistep}


FTFY = {"needs": ("ftfy",)}
CLIP_9 = {**PROMPT, **SMALL, "num_frames": 9}
TEMPLATE = {"prompt_template": {"template": "{}", "crop_start": 0}}
LTX = {**PROMPT, "height": 32, "width": 32, "num_frames": 9}
OLD = {"clean_caption": False}
COGVIDEO = {**PROMPT, **SMALL, "num_frames": 8}

PIPELINES = (
    tiny("LattePipeline", "latte", latte, {"prompt": "a handwritten seven", "guidance_scale": 5.0, "output_type": "pt", **SMALL, "video_length": 2, **OLD}),
    tiny("AllegroPipeline", "allegro", allegro, {**PROMPT, **SMALL, "num_frames": 8, **OLD}, before=({"enable_vae_tiling": {}},)),
    tiny("CogVideoXPipeline", "cogvideox", cogvideo, COGVIDEO),
    tiny("CogVideoXFunControlPipeline", "cogvideox", lambda: cogvideo(8), {**PROMPT, **SMALL, "control_video": frames(8)}),
    tiny("CogVideoXImageToVideoPipeline", "cogvideox", lambda: cogvideo(8, use_rotary_positional_embeddings=True, use_learned_positional_embeddings=True), {**COGVIDEO, **IMAGE}),
    tiny("CogVideoXVideoToVideoPipeline", "cogvideox", cogvideo, {**PROMPT, **SMALL, "video": frames(8), "strength": 0.7}, steps=3),
    tiny("LTXPipeline", "ltx", ltx, LTX),
    tiny("LTXImageToVideoPipeline", "ltx", ltx, {**LTX, "image": file("image_32.png")}),
    tiny("LTXConditionPipeline", "ltx", ltx, {**LTX, "image": file("image_32.png")}),
    tiny("LTXLatentUpsamplePipeline", "ltx", ltx_upsampler, {"video": frames(5, 32), "height": 32, "width": 32, "output_type": "np"}, steps=None),
    tiny("MochiPipeline", "mochi", mochi, {**PROMPT, **SMALL, "num_frames": 7}),
    tiny("HunyuanVideoPipeline", "hunyuan-video", hunyuan, {**CLIP_9, **TEMPLATE}),
    tiny("HunyuanSkyreelsImageToVideoPipeline", "hunyuan-video", lambda: hunyuan(in_channels=8), {**CLIP_9, **TEMPLATE, **IMAGE}),
    tiny("HunyuanVideoFramepackPipeline", "hunyuan-video", framepack, {**PROMPT, **TEMPLATE, "height": 32, "width": 32, "num_frames": 9, "latent_window_size": 3, "image": file("image_32.png")}),
    tiny("WanPipeline", "wan", wan, CLIP_9, **FTFY),
    tiny("WanImageToVideoPipeline", "wan", wan_image, {**CLIP_9, **IMAGE}, **FTFY),
    tiny("WanVideoToVideoPipeline", "wan", lambda: wan(scheduler=UniPCMultistepScheduler(flow_shift=3.0, use_flow_sigmas=True, prediction_type="flow_prediction")), {**PROMPT, **SMALL, "video": frames(9), "strength": 0.7}, steps=3, **FTFY),
    tiny("WanVACEPipeline", "wan", lambda: wan("WanVACETransformer3DModel", num_layers=3, vace_layers=[0, 2], vace_in_channels=96), {**CLIP_9, "video": frames(9), "mask": [file("mask_16.png")] * 9}, **FTFY),
    tiny("WanAnimatePipeline", "wan", wan_animate, {**PROMPT, **SMALL, **IMAGE, "pose_video": frames(5), "face_video": frames(5), "segment_frame_length": 5, "guidance_scale": 1.0}, **FTFY),
    tiny("SkyReelsV2Pipeline", "skyreels", skyreels, CLIP_9, **FTFY),
    tiny("SkyReelsV2ImageToVideoPipeline", "skyreels", lambda: skyreels(image=True), {**CLIP_9, **IMAGE}, **FTFY),
    tiny("SkyReelsV2DiffusionForcingPipeline", "skyreels", skyreels, CLIP_9, **FTFY),
    tiny("SkyReelsV2DiffusionForcingImageToVideoPipeline", "skyreels", skyreels, {**CLIP_9, **IMAGE}, **FTFY),
    tiny("SkyReelsV2DiffusionForcingVideoToVideoPipeline", "skyreels", skyreels, {**PROMPT, **SMALL, "video": frames(7), "overlap_history": 3, "num_frames": 17, "base_num_frames": 5}, **FTFY),
)
