"""The latest video and audio transformers: LTX 2, Hunyuan Video 1.5, Helios, AnyFlow, ChronoEdit, Lucy, ACE-Step."""

from __future__ import annotations

from typing import Any

import diffusers
import transformers as hf
from diffusers import AceStepConditionEncoder, StableAudio3DurationEmbedder
from diffusers.pipelines.ltx2.connectors import LTX2TextConnectors
from diffusers.pipelines.ltx2.latent_upsampler import LTX2LatentUpsamplerModel
from diffusers.pipelines.ltx2.vocoder import LTX2Vocoder

from tests.support.tiny import schedulers, text, transformers, vaes
from tests.support.tiny.components import filled, seeded
from tests.support.tiny.entry import tiny
from tests.support.tiny.families.image_transformers import t5_based
from tests.support.tiny.families.qwen import LANGUAGE
from tests.support.tiny.families.video_transformers import CLIP_9, IMAGE, PROMPT, SMALL, frames
from tests.support.tiny.families.wan import FTFY, WAN, wan, wan_image, wan_vae
from tests.support.tiny.inputs import file


def ltx2() -> dict[str, Any]:
    """LTX 2, which makes a video and its sound, over Gemma 3."""
    gemma = hf.Gemma3Config(
        text_config={**text.DECODER, "layer_types": ["full_attention"] * 2, "query_pre_attn_scalar": 8},
        vision_config={
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "image_size": 16,
            "patch_size": 4,
        },
        mm_tokens_per_image=4,
    )
    transformer = transformers.made(
        "LTX2VideoTransformer3DModel",
        in_channels=4,
        out_channels=4,
        patch_size=1,
        patch_size_t=1,
        num_attention_heads=2,
        attention_head_dim=8,
        cross_attention_dim=16,
        audio_in_channels=4,
        audio_out_channels=4,
        audio_num_attention_heads=2,
        audio_attention_head_dim=4,
        audio_cross_attention_dim=8,
        num_layers=2,
        qk_norm="rms_norm_across_heads",
        caption_channels=16,
        rope_double_precision=False,
        rope_type="split",
    )
    return {
        "scheduler": schedulers.flow(),
        "vae": ltx2_vae(),
        "audio_vae": ltx2_audio_vae(),
        "text_encoder": seeded(lambda: hf.Gemma3ForConditionalGeneration(gemma), 121),
        "tokenizer": text.gemma_tokenizer(),
        "connectors": ltx2_connectors(),
        "transformer": transformer,
        "vocoder": ltx2_vocoder(),
    }


def ltx2_connectors() -> LTX2TextConnectors:
    """What turns Gemma's embeddings into those of video and of sound."""
    connectors = seeded(
        LTX2TextConnectors,
        120,
        caption_channels=16,
        text_proj_in_factor=3,
        video_connector_num_attention_heads=2,
        video_connector_attention_head_dim=8,
        video_connector_num_layers=1,
        video_connector_num_learnable_registers=None,
        audio_connector_num_attention_heads=2,
        audio_connector_attention_head_dim=8,
        audio_connector_num_layers=1,
        audio_connector_num_learnable_registers=None,
        connector_rope_base_seq_len=32,
        rope_theta=10000.0,
        rope_double_precision=False,
        causal_temporal_positioning=False,
        rope_type="split",
    )
    return filled(connectors, 120)


def ltx2_vae() -> diffusers.AutoencoderKLLTX2Video:
    """LTX 2's autoencoder for video, of spatial factor 2."""
    return vaes.made(
        "AutoencoderKLLTX2Video",
        latent_channels=4,
        block_out_channels=(8,),
        decoder_block_out_channels=(8,),
        layers_per_block=(1,),
        decoder_layers_per_block=(1, 1),
        spatio_temporal_scaling=(True,),
        decoder_spatio_temporal_scaling=(True,),
        decoder_inject_noise=(False, False),
        downsample_type=("spatial",),
        upsample_residual=(False,),
        upsample_factor=(1,),
        timestep_conditioning=False,
        patch_size=1,
        patch_size_t=1,
        encoder_causal=True,
        decoder_causal=False,
    )


def ltx2_audio_vae() -> diffusers.AutoencoderKLLTX2Audio:
    """LTX 2's autoencoder for the mel spectrum of two channels."""
    return vaes.made(
        "AutoencoderKLLTX2Audio",
        base_channels=4,
        output_channels=2,
        ch_mult=(1,),
        num_res_blocks=1,
        attn_resolutions=None,
        in_channels=2,
        resolution=32,
        latent_channels=2,
        norm_type="pixel",
        causality_axis="height",
        dropout=0.0,
        mid_block_add_attention=False,
        sample_rate=16000,
        mel_hop_length=160,
        is_causal=True,
        mel_bins=8,
    )


def ltx2_vocoder() -> LTX2Vocoder:
    """LTX 2's vocoder, over two channels of eight mel bins."""
    return seeded(
        LTX2Vocoder,
        122,
        in_channels=16,
        hidden_channels=32,
        out_channels=2,
        upsample_kernel_sizes=[4, 4],
        upsample_factors=[2, 2],
        resnet_kernel_sizes=[3],
        resnet_dilations=[[1, 3, 5]],
        leaky_relu_negative_slope=0.1,
        output_sampling_rate=16000,
    )


def ltx2_upsampler() -> dict[str, Any]:
    """LTX 2's latent upsampler."""
    upsampler = seeded(LTX2LatentUpsamplerModel, 125, in_channels=4, mid_channels=32, num_blocks_per_stage=1)
    return {"vae": ltx2_vae(), "latent_upsampler": filled(upsampler, 125)}


def stable_audio_3() -> dict[str, Any]:
    """Stable Audio 3 over T5 Gemma."""
    transformer = transformers.made(
        "StableAudio3DiTModel",
        io_channels=8,
        patch_size=1,
        embed_dim=32,
        depth=2,
        num_heads=4,
        cond_token_dim=16,
        global_cond_dim=16,
        local_add_cond_dim=5,
        timestep_features_dim=16,
        ff_mult=2,
        num_memory_tokens=3,
        use_differential_attention=False,
    )
    vae = vaes.made(
        "AutoencoderSAME",
        audio_channels=2,
        patch_size=2,
        encoder_channels=8,
        encoder_c_mults=(2,),
        encoder_strides=(2,),
        encoder_transformer_depths=(1,),
        latent_dim=8,
        use_differential_attention=False,
        dim_heads=4,
        ff_mult=2,
        sampling_rate=16,
    )
    settings = {
        **text.DECODER,
        "num_hidden_layers": 1,
        "layer_types": ["full_attention"],
        "query_pre_attn_scalar": 8,
    }
    gemma = hf.T5GemmaConfig(encoder=settings, decoder=settings, is_encoder_decoder=False)
    embedder = seeded(StableAudio3DurationEmbedder, 126, output_dim=16, fourier_dim=16)
    return {
        "vae": vae,
        "text_encoder": seeded(lambda: hf.T5GemmaEncoderModel(gemma), 127),
        "tokenizer": text.gemma_tokenizer(),
        "duration_embedder": filled(embedder, 126),
        "transformer": transformer,
        "scheduler": schedulers.flow(num_train_timesteps=1, shift=1.0),
    }


def hunyuan15() -> dict[str, Any]:
    """Hunyuan Video 1.5 over the language model of Qwen 2.5 VL, and ByT5."""
    transformer = transformers.made(
        "HunyuanVideo15Transformer3DModel",
        in_channels=9,
        out_channels=4,
        num_attention_heads=2,
        attention_head_dim=8,
        num_layers=1,
        num_refiner_layers=1,
        mlp_ratio=2.0,
        patch_size=1,
        patch_size_t=1,
        text_embed_dim=16,
        text_embed_2_dim=32,
        image_embed_dim=12,
        rope_axes_dim=(2, 2, 4),
        target_size=16,
        task_type="t2v",
    )
    vae = vaes.made(
        "AutoencoderKLHunyuanVideo15",
        in_channels=3,
        out_channels=3,
        latent_channels=4,
        block_out_channels=(16, 16),
        layers_per_block=1,
        spatial_compression_ratio=4,
        temporal_compression_ratio=2,
        downsample_match_channel=False,
        upsample_match_channel=False,
    )
    return {
        "text_encoder": seeded(lambda: hf.Qwen2_5_VLTextModel(hf.Qwen2_5_VLTextConfig(**LANGUAGE)), 123),
        "tokenizer": text.qwen_tokenizer(1200),
        "transformer": transformer,
        "vae": vae,
        "scheduler": schedulers.flow(shift=7.0),
        "text_encoder_2": text.t5_encoder(vocab_size=400),
        "tokenizer_2": hf.ByT5Tokenizer(),
        "guider": diffusers.ClassifierFreeGuidance(guidance_scale=1.0),
    }


def helios() -> dict[str, Any]:
    """Helios, which makes a video piece by piece."""
    settings = {key: value for key, value in WAN.items() if key != "rope_max_seq_len"}
    memory = {"has_multi_term_memory_patch": True, "guidance_cross_attn": True, "zero_history_timestep": True}
    transformer = transformers.made(
        "HeliosTransformer3DModel", **settings, **memory, rope_dim=(4, 4, 4), is_amplify_history=False
    )
    scheduler = diffusers.HeliosScheduler(stage_range=[0, 1], stages=1, use_dynamic_shifting=True)
    return t5_based(transformer, wan_vae(), scheduler, kind="UMT5")


def anyflow() -> dict[str, Any]:
    """AnyFlow over UMT5."""
    settings = {key: value for key, value in WAN.items() if key != "qk_norm"}
    transformer = transformers.made(
        "AnyFlowTransformer3DModel", **settings, gate_value=0.25, deltatime_type="r"
    )
    scheduler = diffusers.FlowMapEulerDiscreteScheduler(num_train_timesteps=1000, shift=5.0)
    return t5_based(transformer, wan_vae(), scheduler, kind="UMT5")


def ace_step() -> dict[str, Any]:
    """ACE-Step: music from a description and lyrics, over Qwen 3."""
    shared = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "rope_theta": 10000.0,
        "sliding_window": 16,
    }
    transformer = transformers.made(
        "AceStepTransformer1DModel",
        **shared,
        num_hidden_layers=2,
        in_channels=24,
        audio_acoustic_hidden_dim=8,
        patch_size=2,
    )
    encoder = seeded(
        AceStepConditionEncoder,
        124,
        **shared,
        text_hidden_dim=16,
        timbre_hidden_dim=8,
        num_lyric_encoder_hidden_layers=2,
        num_timbre_encoder_hidden_layers=2,
    )
    vae = vaes.made(
        "AutoencoderOobleck",
        encoder_hidden_size=8,
        downsampling_ratios=[1, 2],
        decoder_channels=4,
        decoder_input_channels=8,
        audio_channels=2,
        channel_multiples=[2, 4],
        sampling_rate=16,
    )
    return {
        "vae": vae,
        "text_encoder": text.decoder("Qwen3Model", "Qwen3Config"),
        "tokenizer": text.qwen_tokenizer(256),
        "transformer": transformer,
        "condition_encoder": filled(encoder, 124),
        "scheduler": schedulers.flow(num_train_timesteps=1, shift=1.0),
    }


GUIDED = {"audio_guidance_scale": 1.0, "modality_scale": 1.0, "audio_modality_scale": 1.0}
STEERED = {"stg_scale": 0.0, "audio_stg_scale": 0.0, "guidance_rescale": 0.0, "audio_guidance_rescale": 0.0}
LTX2 = {
    "prompt": "a handwritten seven",
    "guidance_scale": 2.0,
    **GUIDED,
    **STEERED,
    "height": 32,
    "width": 32,
    "num_frames": 5,
    "frame_rate": 25.0,
    "max_sequence_length": 16,
    "output_type": "np",
}
MUSIC = {
    "prompt": "a soft piano",
    "lyrics": "[verse] notes in the morning",
    "audio_duration": 1.0,
    "output_type": "pt",
}

SOUND = {"prompt": "a hammer on wood", "duration": 1.0, "output_type": "pt"}
PIPELINES = (
    tiny(
        "StableAudio3AudioToAudioPipeline",
        "audio",
        stable_audio_3,
        {**SOUND, "audio": file("tensor_1x2x16.safetensors"), "init_noise_level": 0.7},
    ),
    tiny("LTX2Pipeline", "ltx", ltx2, LTX2),
    tiny("LTX2ImageToVideoPipeline", "ltx", ltx2, {**LTX2, "image": file("image_32.png"), "image_crf": 0}),
    tiny(
        "LTX2LatentUpsamplePipeline",
        "ltx",
        ltx2_upsampler,
        {"video": frames(5, 32), "height": 32, "width": 32, "num_frames": 5, "output_type": "np"},
        steps=None,
    ),
    tiny(
        "StableAudio3Pipeline",
        "audio",
        stable_audio_3,
        {"prompt": "a hammer on wood", "duration": 1.0, "guidance_scale": 2.0, "output_type": "pt"},
    ),
    tiny(
        "HunyuanVideo15Pipeline",
        "hunyuan-video",
        hunyuan15,
        {"prompt": "a seven", **SMALL, "num_frames": 9, "output_type": "np"},
    ),
    tiny("HeliosPipeline", "helios", helios, {**CLIP_9, "guidance_scale": 1.0}, **FTFY),
    tiny("AnyFlowPipeline", "anyflow", anyflow, CLIP_9),
    tiny(
        "ChronoEditPipeline",
        "wan",
        lambda: wan_image("ChronoEditTransformer3DModel"),
        {**PROMPT, **SMALL, **IMAGE, "num_frames": 5},
        **FTFY,
    ),
    tiny(
        "LucyEditPipeline",
        "wan",
        lambda: wan(in_channels=32, out_channels=16),
        {**PROMPT, **SMALL, "video": frames(5), "num_frames": 5},
        **FTFY,
    ),
    tiny("AceStepPipeline", "audio", ace_step, {**MUSIC, "max_text_length": 32, "max_lyric_length": 32}),
)
