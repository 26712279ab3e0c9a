"""Pipelines over Gemma, Llama, Qwen 3 and other language models."""

from __future__ import annotations

from typing import Any

import diffusers
import transformers as hf

from tests.support.tiny import schedulers, text, transformers, vaes
from tests.support.tiny.components import seeded
from tests.support.tiny.entry import tiny
from tests.support.tiny.families.image_transformers import t5_based
from tests.support.tiny.families.stable_diffusion import SIZE, TEXT
from tests.support.tiny.families.stable_diffusion_3 import base as sd3
from tests.support.tiny.families.wan import wan_vae
from tests.support.tiny.inputs import file


def flux2_vae() -> diffusers.AutoencoderKLFlux2:
    """The autoencoder of Flux 2, of spatial factor 2."""
    return vaes.made(
        "AutoencoderKLFlux2",
        sample_size=32,
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(8, 8),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=4,
        use_quant_conv=False,
        use_post_quant_conv=False,
    )


def klein() -> dict[str, Any]:
    """Flux 2 Klein over Qwen 3."""
    transformer = transformers.made(
        "Flux2Transformer2DModel",
        patch_size=1,
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=16,
        timestep_guidance_channels=16,
        axes_dims_rope=[4, 4, 4, 4],
        guidance_embeds=False,
    )
    return {
        "scheduler": schedulers.flow(),
        "vae": flux2_vae(),
        "text_encoder": text.decoder("Qwen3ForCausalLM", "Qwen3Config"),
        "tokenizer": text.qwen_tokenizer(),
        "transformer": transformer,
    }


def hidream() -> dict[str, Any]:
    """HiDream over CLIP, T5 and Llama; large patches and no attention in the VAE, since it insists on 256 x 256."""
    transformer = transformers.made(
        "HiDreamImageTransformer2DModel",
        patch_size=8,
        in_channels=4,
        out_channels=4,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=8,
        num_attention_heads=4,
        caption_channels=[32, 16],
        text_emb_dim=64,
        num_routed_experts=4,
        num_activated_experts=2,
        axes_dims_rope=(4, 2, 2),
        max_resolution=(128, 128),
        llama_layers=(0, 1),
    )
    return {
        **sd3(transformer=transformer, vae=vaes.kl_flow(4, 2, mid_block_add_attention=False)),
        "text_encoder": text.clip_text_projected(length=128),
        "text_encoder_2": text.clip_text_projected(length=128, seed=2),
        "tokenizer": text.clip_tokenizer(128),
        "tokenizer_2": text.clip_tokenizer(128),
        "text_encoder_4": text.decoder("LlamaForCausalLM", "LlamaConfig"),
        "tokenizer_4": text.llama_tokenizer(),
    }


def ernie() -> dict[str, Any]:
    """Ernie Image over Mistral 3."""
    transformer = transformers.made(
        "ErnieImageTransformer2DModel",
        hidden_size=32,
        num_attention_heads=2,
        num_layers=2,
        ffn_hidden_size=32,
        in_channels=16,
        out_channels=16,
        text_in_dim=16,
        rope_axes_dim=(4, 6, 6),
    )
    mistral = hf.Mistral3Config(
        text_config={"model_type": "mistral", **text.DECODER},
        vision_config={
            "model_type": "pixtral",
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "image_size": 16,
            "patch_size": 4,
        },
    )
    return {
        "transformer": transformer,
        "vae": flux2_vae(),
        "text_encoder": seeded(lambda: hf.Mistral3Model(mistral), 114),
        "tokenizer": text.qwen_tokenizer(),
        "scheduler": schedulers.flow(),
    }


def llada() -> dict[str, Any]:
    """LLaDA 2, which diffuses text: a causal language model of Qwen 3's shape."""
    return {
        "model": text.decoder("Qwen3ForCausalLM", "Qwen3Config"),
        "scheduler": diffusers.BlockRefinementScheduler(),
        "tokenizer": text.qwen_tokenizer(),
    }


def sana_video() -> dict[str, Any]:
    """Sana Video over Gemma 2."""
    transformer = transformers.made(
        "SanaVideoTransformer3DModel",
        in_channels=16,
        out_channels=16,
        num_attention_heads=2,
        attention_head_dim=12,
        num_layers=2,
        num_cross_attention_heads=2,
        cross_attention_head_dim=12,
        cross_attention_dim=24,
        caption_channels=16,
        sample_size=8,
        patch_size=(1, 2, 2),
        qk_norm="rms_norm_across_heads",
        rope_max_seq_len=32,
    )
    return {
        "tokenizer": text.gemma_tokenizer(),
        "text_encoder": text.decoder("Gemma2Model", "Gemma2Config"),
        "vae": wan_vae(),
        "transformer": transformer,
        "scheduler": schedulers.flow(shift=7.0),
    }


def bria_fibo() -> dict[str, Any]:
    """Bria FIBO over SmolLM 3."""
    transformer = transformers.made(
        "BriaFiboTransformer2DModel",
        patch_size=1,
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=8,
        num_attention_heads=2,
        joint_attention_dim=32,
        text_encoder_dim=16,
        pooled_projection_dim=None,
        axes_dims_rope=[0, 4, 4],
    )
    return {
        "transformer": transformer,
        "scheduler": schedulers.flow(),
        "vae": wan_vae(),
        "text_encoder": text.decoder("SmolLM3ForCausalLM", "SmolLM3Config"),
        "tokenizer": text.qwen_tokenizer(),
    }


def prx(pixel: bool = False) -> dict[str, Any]:
    """PRX over Gemma 2; `pixel` diffuses pixels over Qwen 3."""
    settings = {
        "patch_size": 2,
        "hidden_size": 16,
        "mlp_ratio": 2.0,
        "num_heads": 2,
        "depth": 1,
        "axes_dim": [4, 4],
    }
    pixels = {"in_channels": 3, "context_in_dim": 16, "bottleneck_size": 8, "resolution_embeds": True}
    transformer = transformers.made(
        "PRXTransformer2DModel", **settings, **(pixels if pixel else {"in_channels": 4, "context_in_dim": 16})
    )
    components: dict[str, Any] = {"transformer": transformer, "scheduler": schedulers.flow()}
    if pixel:
        encoder = text.decoder("Qwen3Model", "Qwen3Config")
        return {
            **components,
            "text_encoder": encoder,
            "tokenizer": text.qwen_tokenizer(),
            "prompt_max_tokens": 16,
        }
    return {
        **components,
        "text_encoder": text.decoder("Gemma2Model", "Gemma2Config"),
        "tokenizer": text.gemma_tokenizer(),
        "vae": vaes.kl_flow(4, 2),
    }


def longcat_audio() -> dict[str, Any]:
    """LongCat Audio over UMT5."""
    transformer = transformers.made(
        "LongCatAudioDiTTransformer",
        dit_dim=32,
        dit_depth=2,
        dit_heads=4,
        dit_text_dim=32,
        latent_dim=8,
        text_conv=False,
    )
    vae = vaes.made(
        "LongCatAudioDiTVae",
        in_channels=1,
        channels=8,
        c_mults=[1, 2],
        strides=[2],
        latent_dim=8,
        encoder_latent_dim=16,
        downsampling_ratio=2,
        sample_rate=2400,
    )
    return t5_based(transformer, vae, kind="UMT5")


KLEIN = {**TEXT, "max_sequence_length": 64, "text_encoder_out_layers": [1]}
SANA = {
    "prompt": "a seven",
    **SIZE,
    "frames": 9,
    "max_sequence_length": 16,
    "output_type": "np",
    "use_resolution_binning": False,
    "complex_human_instruction": [],
}

# Long and at a low temperature, so that a small change of the network chooses other tokens.
DIFFUSED_TEXT = {
    "prompt": "count: 1 2 3",
    "use_chat_template": False,
    "gen_length": 64,
    "block_length": 8,
    "temperature": 0.05,
    "threshold": 2.0,
    "mask_token_id": 5,
    "eos_early_stop": False,
}

PIPELINES = (
    tiny("Flux2KleinPipeline", "flux-2", klein, KLEIN),
    tiny(
        "Flux2KleinKVPipeline",
        "flux-2",
        klein,
        {
            key: value
            for key, value in {**KLEIN, "image": file("image_64.png")}.items()
            if key != "guidance_scale"
        },
    ),
    tiny(
        "Flux2KleinInpaintPipeline",
        "flux-2",
        klein,
        {**KLEIN, "image": file("image_32.png"), "mask_image": file("mask_32.png"), "strength": 0.7},
        steps=3,
    ),
    tiny("ErnieImagePipeline", "ernie", ernie, {**TEXT, "use_pe": False}),
    tiny("LLaDA2Pipeline", "llada", llada, DIFFUSED_TEXT, steps=4),
    tiny("HiDreamImagePipeline", "hidream", hidream, {**TEXT, "max_sequence_length": 16}, steps=1),
    tiny("SanaVideoPipeline", "sana", sana_video, SANA),
    tiny("SanaImageToVideoPipeline", "sana", sana_video, {**SANA, "image": file("image_32.png")}),
    tiny(
        "BriaFiboPipeline",
        "bria",
        bria_fibo,
        {
            "prompt": '{"text": "a seven"}',
            "negative_prompt": "a nine",
            "guidance_scale": 4.0,
            **SIZE,
            "output_type": "np",
        },
    ),
    tiny(
        "BriaFiboEditPipeline",
        "bria",
        bria_fibo,
        {
            "prompt": '{"text": "a seven", "edit_instruction": "make it a nine"}',
            "negative_prompt": "a nine",
            "image": file("image_32.png"),
            "guidance_scale": 4.0,
            **SIZE,
            "output_type": "np",
            "_auto_resize": False,
        },
    ),
    tiny("PRXPipeline", "prx", prx, {**TEXT, "use_resolution_binning": False}, needs=("ftfy",)),
    tiny(
        "PRXPixelPipeline",
        "prx",
        lambda: prx(pixel=True),
        {**TEXT, "use_resolution_binning": False},
        needs=("ftfy",),
    ),
    tiny(
        "LongCatAudioDiTPipeline",
        "audio",
        longcat_audio,
        {"prompt": "soft rain", "audio_duration_s": 0.1, "guidance_scale": 3.0, "output_type": "np"},
    ),
)
