"""The other image transformers: Lumina, HunyuanDiT, AuraFlow, CogView, Chroma, Bria, Z-Image and more."""

from __future__ import annotations

from typing import Any

from diffusers import CogVideoXDDIMScheduler
from transformers import BertConfig, BertModel

from tests.support.tiny import schedulers, text, transformers, vaes
from tests.support.tiny.components import seeded
from tests.support.tiny.entry import tiny
from tests.support.tiny.families.stable_diffusion import CONTROL, IMAGE, MASK, SIZE, TEXT
from tests.support.tiny.inputs import file

LENGTH = {"max_sequence_length": 16}
CALL = {**TEXT, **LENGTH}


def t5_based(
    transformer: Any, vae: Any = None, scheduler: Any = None, kind: str = "T5", **changes: Any
) -> dict[str, Any]:
    """The components of a transformer that reads T5's embeddings."""
    components: dict[str, Any] = {
        "tokenizer": text.t5_tokenizer(),
        "text_encoder": text.t5_encoder(kind=kind),
        "vae": vae or vaes.kl(),
        "transformer": transformer,
        "scheduler": scheduler or schedulers.flow(),
    }
    return {**components, **changes}


def lumina() -> dict[str, Any]:
    """Lumina over Gemma."""
    transformer = transformers.made(
        "LuminaNextDiT2DModel",
        sample_size=16,
        patch_size=2,
        in_channels=4,
        hidden_size=32,
        num_layers=2,
        num_attention_heads=4,
        num_kv_heads=2,
        multiple_of=16,
        norm_eps=1e-5,
        learn_sigma=True,
        qk_norm=True,
        cross_attention_dim=16,
        scaling_factor=1.0,
    )
    return {
        "transformer": transformer,
        "scheduler": schedulers.flow(),
        "vae": vaes.kl(),
        "text_encoder": text.decoder("GemmaModel", "GemmaConfig"),
        "tokenizer": text.gemma_tokenizer(),
    }


def lumina2() -> dict[str, Any]:
    """Lumina 2 over Gemma 2."""
    transformer = transformers.made(
        "Lumina2Transformer2DModel",
        sample_size=16,
        patch_size=2,
        in_channels=4,
        hidden_size=24,
        num_layers=2,
        num_attention_heads=3,
        num_kv_heads=1,
        multiple_of=16,
        norm_eps=1e-5,
        scaling_factor=1.0,
        axes_dim_rope=(4, 2, 2),
        cap_feat_dim=16,
    )
    return {
        "transformer": transformer,
        "scheduler": schedulers.flow(),
        "vae": vaes.kl_flow(),
        "text_encoder": text.decoder("Gemma2Model", "Gemma2Config"),
        "tokenizer": text.gemma_tokenizer(),
    }


def hunyuan(layers: int = 2, **changes: Any) -> dict[str, Any]:
    """HunyuanDiT over BERT and T5."""
    bert = BertConfig(
        vocab_size=text.VOCABULARY_SIZE,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=77,
    )
    components: dict[str, Any] = {
        "vae": vaes.kl(blocks=4),
        "text_encoder": seeded(lambda: BertModel(bert), 47),
        "tokenizer": text.bert_tokenizer(),
        "transformer": transformers.made("HunyuanDiT2DModel", num_layers=layers, **transformers.HUNYUAN),
        "scheduler": schedulers.stable_diffusion("DDPMScheduler"),
        "safety_checker": None,
        "feature_extractor": None,
        "text_encoder_2": text.t5_encoder(),
        "tokenizer_2": text.t5_tokenizer(),
    }
    return {**components, **changes}


def hunyuan_controlled() -> dict[str, Any]:
    """HunyuanDiT with a ControlNet, which copies half of the transformer's layers."""
    controlnet = transformers.made(
        "HunyuanDiT2DControlNetModel", 43, transformer_num_layers=4, **transformers.HUNYUAN
    )
    return hunyuan(4, controlnet=controlnet)


def aura_flow() -> dict[str, Any]:
    """AuraFlow over UMT5."""
    transformer = transformers.made(
        "AuraFlowTransformer2DModel",
        sample_size=16,
        patch_size=2,
        in_channels=4,
        out_channels=4,
        num_mmdit_layers=1,
        num_single_dit_layers=1,
        attention_head_dim=8,
        num_attention_heads=4,
        caption_projection_dim=32,
        joint_attention_dim=32,
        pos_embed_max_size=256,
    )
    return t5_based(transformer, kind="UMT5")


def cogview3() -> dict[str, Any]:
    """CogView 3 Plus over T5."""
    transformer = transformers.made(
        "CogView3PlusTransformer2DModel",
        patch_size=2,
        in_channels=4,
        out_channels=4,
        num_layers=1,
        attention_head_dim=8,
        num_attention_heads=4,
        text_embed_dim=32,
        time_embed_dim=16,
        condition_dim=4,
        pos_embed_max_size=16,
        sample_size=16,
    )
    return t5_based(transformer, scheduler=CogVideoXDDIMScheduler())


def cogview4(in_channels: int = 4) -> dict[str, Any]:
    """CogView 4 over GLM; the control variant reads the condition beside the latents."""
    transformer = transformers.made(
        "CogView4Transformer2DModel",
        patch_size=2,
        in_channels=in_channels,
        out_channels=4,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=4,
        text_embed_dim=16,
        time_embed_dim=16,
        condition_dim=4,
    )
    scheduler = schedulers.flow(
        base_shift=0.25,
        max_shift=0.75,
        base_image_seq_len=256,
        use_dynamic_shifting=True,
        time_shift_type="linear",
    )
    return {
        "tokenizer": text.qwen_tokenizer(),
        "text_encoder": text.decoder("GlmModel", "GlmConfig"),
        "vae": vaes.kl(),
        "transformer": transformer,
        "scheduler": scheduler,
    }


def chroma() -> dict[str, Any]:
    """Chroma: a Flux whose modulation comes from one small network."""
    settings = {key: value for key, value in transformers.FLUX.items() if key != "pooled_projection_dim"}
    approximator = {"approximator_hidden_dim": 32, "approximator_layers": 1, "approximator_num_channels": 16}
    transformer = transformers.made("ChromaTransformer2DModel", **settings, **approximator)
    transformer.register_to_config(
        guidance_embeds=False
    )  # the inpainting pipeline reads it, the model has no such option
    return t5_based(transformer, vaes.kl_flow())


def bria() -> dict[str, Any]:
    """Bria over T5."""
    settings = {**transformers.FLUX, "pooled_projection_dim": None, "axes_dims_rope": [0, 8, 8]}
    return t5_based(transformers.made("BriaTransformer2DModel", **settings), vaes.kl_flow(shift_factor=0.0))


Z_IMAGE = {
    "all_patch_size": (2,),
    "all_f_patch_size": (1,),
    "in_channels": 16,
    "dim": 32,
    "n_layers": 2,
    "n_refiner_layers": 1,
    "n_heads": 2,
    "n_kv_heads": 2,
    "norm_eps": 1e-5,
    "qk_norm": True,
    "cap_feat_dim": 16,
    "rope_theta": 256.0,
    "t_scale": 1000.0,
    "axes_dims": [8, 4, 4],
    "axes_lens": [256, 32, 32],
}


def z_image(**changes: Any) -> dict[str, Any]:
    """Z-Image over Qwen 3."""
    components: dict[str, Any] = {
        "scheduler": schedulers.flow(),
        "vae": vaes.kl_flow(16, 2),
        "text_encoder": text.decoder("Qwen3Model", "Qwen3Config"),
        "tokenizer": text.qwen_tokenizer(),
        "transformer": transformers.made("ZImageTransformer2DModel", **Z_IMAGE),
    }
    return {**components, **changes}


def z_image_controlled(in_dim: int) -> dict[str, Any]:
    """Z-Image with a ControlNet over its first layer."""
    controlnet = transformers.made(
        "ZImageControlNetModel",
        43,
        control_layers_places=[0],
        control_refiner_layers_places=[0],
        control_in_dim=in_dim,
        all_patch_size=(2,),
        all_f_patch_size=(1,),
        dim=32,
        n_refiner_layers=1,
        n_heads=2,
        n_kv_heads=2,
        norm_eps=1e-5,
        qk_norm=True,
    )
    return z_image(controlnet=controlnet)


def ovis() -> dict[str, Any]:
    """Ovis Image over Qwen 3."""
    settings = {key: value for key, value in transformers.FLUX.items() if key != "pooled_projection_dim"}
    settings = {**settings, "joint_attention_dim": 16, "out_channels": 16, "axes_dims_rope": (4, 4, 8)}
    return {
        "scheduler": schedulers.flow(),
        "vae": vaes.kl_flow(),
        "text_encoder": text.decoder("Qwen3Model", "Qwen3Config"),
        "tokenizer": text.qwen_tokenizer(),
        "transformer": transformers.made("OvisImageTransformer2DModel", **settings),
    }


FROM = {**IMAGE, **SIZE, **LENGTH}
PAINT = {**MASK, **SIZE, **LENGTH}
HUNYUAN_CALL = {**TEXT, "height": 64, "width": 64, "use_resolution_binning": False}

PIPELINES = (
    tiny("LuminaPipeline", "lumina", lumina, {**CALL, "height": 64, "width": 64, "clean_caption": False}),
    tiny("Lumina2Pipeline", "lumina", lumina2, {**CALL, "height": 64, "width": 64}),
    tiny("HunyuanDiTPipeline", "hunyuan-dit", hunyuan, HUNYUAN_CALL),
    tiny(
        "HunyuanDiTPAGPipeline",
        "hunyuan-dit",
        lambda: hunyuan(pag_applied_layers=["blocks.1"]),
        {**HUNYUAN_CALL, "pag_scale": 3.0},
    ),
    tiny(
        "HunyuanDiTControlNetPipeline",
        "hunyuan-dit",
        hunyuan_controlled,
        {**HUNYUAN_CALL, "control_image": file("image_64.png")},
    ),
    tiny("AuraFlowPipeline", "aura-flow", aura_flow, CALL),
    tiny("CogView3PlusPipeline", "cogview", cogview3, CALL),
    tiny("CogView4Pipeline", "cogview", cogview4, {**CALL, "negative_prompt": "a nine"}),
    tiny(
        "CogView4ControlPipeline",
        "cogview",
        lambda: cogview4(8),
        {**CALL, "negative_prompt": "a nine", "control_image": CONTROL},
    ),
    tiny("ChromaPipeline", "chroma", chroma, CALL),
    tiny("ChromaImg2ImgPipeline", "chroma", chroma, FROM, steps=3),
    tiny("ChromaInpaintPipeline", "chroma", chroma, PAINT, steps=3),
    tiny("BriaPipeline", "bria", bria, CALL),
    tiny("ZImagePipeline", "z-image", z_image, CALL),
    tiny("ZImageImg2ImgPipeline", "z-image", z_image, FROM, steps=3),
    tiny("ZImageInpaintPipeline", "z-image", z_image, PAINT, steps=3),
    tiny(
        "ZImageControlNetPipeline",
        "z-image",
        lambda: z_image_controlled(16),
        {**CALL, "control_image": CONTROL},
    ),
    tiny(
        "ZImageControlNetInpaintPipeline",
        "z-image",
        lambda: z_image_controlled(33),
        {**CALL, "control_image": CONTROL, "image": file("image_32.png"), "mask_image": file("mask_32.png")},
    ),
    tiny("OvisImagePipeline", "ovis", ovis, CALL),
)
