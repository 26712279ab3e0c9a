"""Audio: AudioLDM, AudioLDM 2, MusicLDM, Stable Audio."""

from __future__ import annotations

from typing import Any

import transformers as hf
from diffusers import EDMDPMSolverMultistepScheduler, UNet2DConditionModel
from diffusers.pipelines.audioldm2.modeling_audioldm2 import (
    AudioLDM2ProjectionModel,
    AudioLDM2UNet2DConditionModel,
)
from diffusers.pipelines.stable_audio.modeling_stable_audio import StableAudioProjectionModel

from tests.support.tiny import schedulers, text, transformers, vaes
from tests.support.tiny.components import filled, seeded
from tests.support.tiny.entry import tiny
from tests.support.tiny.inputs import file

FAMILY = "audio"
CALL = {"prompt": "a hammer on wood", "guidance_scale": 3.0, "audio_length_in_s": 0.05, "output_type": "np"}
CLAP_TEXT = {
    "vocab_size": text.VOCABULARY_SIZE,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "max_position_embeddings": 90,
    "projection_dim": 16,
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
}
CLAP_AUDIO = {
    "spec_size": 8,
    "window_size": 4,
    "num_mel_bins": 8,
    "intermediate_size": 32,
    "depths": [1, 1],
    "num_attention_heads": [1, 1],
    "num_hidden_layers": 1,
    "hidden_size": 192,
    "projection_dim": 16,
    "patch_size": 2,
    "patch_stride": 2,
    "patch_embed_input_channels": 4,
}


def vocoder() -> hf.SpeechT5HifiGan:
    """A vocoder from 8 mel channels, at four samples a frame."""
    config = hf.SpeechT5HifiGanConfig(
        model_in_dim=8,
        sampling_rate=16000,
        upsample_initial_channel=16,
        upsample_rates=[2, 2],
        upsample_kernel_sizes=[4, 4],
        resblock_kernel_sizes=[3, 7],
        resblock_dilation_sizes=[[1, 3, 5], [1, 3, 5]],
        normalize_before=False,
        initializer_range=0.2,
    )
    return seeded(lambda: hf.SpeechT5HifiGan(config), 90)


def clap() -> hf.ClapModel:
    """Both branches of CLAP."""
    config = hf.ClapConfig(text_config=CLAP_TEXT, audio_config=CLAP_AUDIO, projection_dim=16)
    return seeded(lambda: hf.ClapModel(config), 91)


def latent(text_encoder: Any) -> dict[str, Any]:
    """What AudioLDM and MusicLDM share: a UNet over mel latents that joins the text to its time embedding."""
    unet = seeded(
        UNet2DConditionModel,
        92,
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=4,
        sample_size=8,
        in_channels=4,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=(8, 16),
        class_embed_type="simple_projection",
        projection_class_embeddings_input_dim=16,
        class_embeddings_concat=True,
        attention_head_dim=4,
    )
    return {
        "vae": vaes.kl(in_channels=1, out_channels=1),
        "text_encoder": text_encoder,
        "tokenizer": text.roberta_tokenizer(77, "RobertaTokenizer"),
        "unet": unet,
        "scheduler": schedulers.stable_diffusion(),
        "vocoder": vocoder(),
    }


def audioldm() -> dict[str, Any]:
    """AudioLDM over CLAP's text branch."""
    return latent(seeded(lambda: hf.ClapTextModelWithProjection(hf.ClapTextConfig(**CLAP_TEXT)), 93))


def musicldm() -> dict[str, Any]:
    """MusicLDM over CLAP."""
    return {**latent(clap()), "feature_extractor": clap_features()}


def clap_features() -> hf.ClapFeatureExtractor:
    """What CLAP's audio branch reads."""
    return hf.ClapFeatureExtractor(feature_size=8, hop_length=7900, fft_window_size=64, max_length_s=1)


def audioldm2() -> dict[str, Any]:
    """AudioLDM 2 over CLAP, T5 and a language model that joins them."""
    unet = seeded(
        AudioLDM2UNet2DConditionModel,
        94,
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=4,
        sample_size=8,
        in_channels=4,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=((None, 16, 32), (None, 16, 32)),
        attention_head_dim=4,
    )
    gpt2 = hf.GPT2Config(
        n_embd=16, n_head=1, n_layer=1, vocab_size=text.VOCABULARY_SIZE, n_ctx=99, n_positions=99
    )
    gpt2.max_new_tokens = 8
    projection = {"text_encoder_dim": 16, "text_encoder_1_dim": 32, "langauge_model_dim": 16}
    return {
        **latent(clap()),
        "text_encoder_2": text.t5_encoder(),
        "tokenizer_2": text.t5_tokenizer(),
        "projection_model": filled(seeded(AudioLDM2ProjectionModel, 95, **projection), 95),
        "language_model": seeded(lambda: hf.GPT2LMHeadModel(gpt2), 96),
        "feature_extractor": clap_features(),
        "unet": unet,
    }


def stable_audio() -> dict[str, Any]:
    """Stable Audio over T5."""
    transformer = transformers.made(
        "StableAudioDiTModel",
        sample_size=8,
        in_channels=4,
        out_channels=4,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=2,
        num_key_value_attention_heads=2,
        cross_attention_dim=8,
        time_proj_dim=8,
        global_states_input_dim=16,
        cross_attention_input_dim=8,
    )
    vae = vaes.made(
        "AutoencoderOobleck",
        encoder_hidden_size=8,
        downsampling_ratios=[1, 2],
        decoder_channels=4,
        decoder_input_channels=4,
        audio_channels=2,
        channel_multiples=[2, 4],
        sampling_rate=16,
    )
    projection = {"text_encoder_dim": 32, "conditioning_dim": 8, "min_value": 0, "max_value": 32}
    return {
        "vae": vae,
        "text_encoder": text.t5_encoder(),
        "projection_model": filled(seeded(StableAudioProjectionModel, 97, **projection), 97),
        "tokenizer": text.t5_tokenizer(),
        "transformer": transformer,
        "scheduler": EDMDPMSolverMultistepScheduler(
            solver_order=2, prediction_type="v_prediction", sigma_data=1.0
        ),
    }


STABLE = {"prompt": "a hammer on wood", "guidance_scale": 3.0, "audio_end_in_s": 1.0, "output_type": "pt"}

EMBEDDED = {key: value for key, value in CALL.items() if key != "prompt"}
EMBEDDED["prompt_embeds"] = file("tensor_1x16_a.safetensors")
EMBEDDED["negative_prompt_embeds"] = file("tensor_1x16_b.safetensors")

PIPELINES = (
    tiny("AudioLDMPipeline", FAMILY, audioldm, CALL),
    tiny("MusicLDMPipeline", FAMILY, musicldm, EMBEDDED),
    tiny("AudioLDM2Pipeline", FAMILY, audioldm2, {**CALL, "max_new_tokens": 4}),
    tiny("StableAudioPipeline", FAMILY, stable_audio, STABLE),
)
