"""Other conditions and results: Marigold, Paint by Example, UniDiffuser, VQ-Diffusion, AltDiffusion."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import LCMScheduler, Transformer2DModel, VQDiffusionScheduler
from diffusers.pipelines.deprecated.alt_diffusion.modeling_roberta_series import (
    RobertaSeriesConfig,
    RobertaSeriesModelWithTransformation,
)
from diffusers.pipelines.deprecated.paint_by_example.image_encoder import PaintByExampleImageEncoder
from diffusers.pipelines.deprecated.unidiffuser.modeling_text_decoder import UniDiffuserTextDecoder
from diffusers.pipelines.deprecated.unidiffuser.modeling_uvit import UniDiffuserModel
from diffusers.pipelines.deprecated.vq_diffusion.pipeline_vq_diffusion import (
    LearnedClassifierFreeSamplingEmbeddings,
)

from tests.support.tiny import schedulers, text, unets, vaes
from tests.support.tiny.components import filled, seeded
from tests.support.tiny.entry import tiny
from tests.support.tiny.families.stable_diffusion import IMAGE, SIZE, TEXT, base, without
from tests.support.tiny.families.unconditional import vq
from tests.support.tiny.inputs import file

SEEN = {"image": file("image_32.png"), "processing_resolution": 0, "output_type": "np"}


def marigold(targets: int = 1, **options: Any) -> dict[str, Any]:
    """Marigold, which diffuses `targets` maps beside the image's latents."""
    scheduler = LCMScheduler(**schedulers.STABLE_DIFFUSION, prediction_type="v_prediction", clip_sample=False)
    unet = unets.conditioned(4 + 4 * targets, 4 * targets)
    components = without(base(unet=unet, scheduler=scheduler), "safety_checker", "feature_extractor")
    return {**components, **options}


def intrinsics() -> dict[str, Any]:
    """Marigold for albedo and material."""
    space = {"prediction_space": "linear", "up_to_scale": False}
    properties = {"target_names": ["albedo", "roughness"], "albedo": space, "roughness": space}
    return marigold(
        2, prediction_type="intrinsics", target_properties=properties, default_processing_resolution=0
    )


def paint_by_example() -> dict[str, Any]:
    """Paint by Example: inpainting after the example of another image."""
    encoder = seeded(lambda: PaintByExampleImageEncoder(text.clip_vision_config(), proj_size=32), 100)
    components = without(base(unet=unets.conditioned(9)), "text_encoder", "tokenizer", "feature_extractor")
    return {**components, "image_encoder": encoder, "feature_extractor": text.clip_processor()}


def alt() -> dict[str, Any]:
    """AltDiffusion, over a multilingual RoBERTa."""
    config = RobertaSeriesConfig(
        vocab_size=text.VOCABULARY_SIZE,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=90,
        project_dim=32,
    )
    encoder = seeded(lambda: RobertaSeriesModelWithTransformation(config), 101)
    return base(text_encoder=encoder, tokenizer=text.roberta_tokenizer(77))


def unidiffuser() -> dict[str, Any]:
    """UniDiffuser: image and text diffused together, the text read out by a GPT-2."""
    model = seeded(
        UniDiffuserModel,
        102,
        text_dim=16,
        clip_img_dim=32,
        num_text_tokens=16,
        num_attention_heads=2,
        attention_head_dim=8,
        in_channels=4,
        out_channels=4,
        num_layers=2,
        sample_size=16,
        patch_size=2,
        activation_fn="gelu",
        num_embeds_ada_norm=1000,
        norm_type="layer_norm",
        block_type="unidiffuser",
        attention_bias=True,
        use_data_type_embedding=True,
    )
    decoder = seeded(
        UniDiffuserTextDecoder,
        103,
        prefix_length=16,
        prefix_inner_dim=32,
        prefix_hidden_dim=16,
        vocab_size=text.VOCABULARY_SIZE,
        n_positions=128,
        n_embd=32,
        n_layer=1,
        n_head=2,
    )
    head = decoder.transformer.lm_head  # tied to the embedding, which safetensors does not store twice
    head.weight = torch.nn.Parameter(head.weight.detach().clone())
    return {
        "vae": vaes.kl(),
        "text_encoder": text.clip_text(),
        "image_encoder": text.clip_vision(),
        "clip_image_processor": text.clip_processor(),
        "clip_tokenizer": text.clip_tokenizer(),
        "text_decoder": filled(decoder, 103),
        "text_tokenizer": text.gpt2_tokenizer(),
        "unet": filled(model, 102),
        "scheduler": schedulers.stable_diffusion("DPMSolverMultistepScheduler"),
    }


def vq_diffusion() -> dict[str, Any]:
    """VQ-Diffusion over a codebook of 32."""
    transformer = seeded(
        Transformer2DModel,
        104,
        attention_bias=True,
        cross_attention_dim=32,
        num_attention_heads=2,
        attention_head_dim=8,
        num_layers=1,
        num_vector_embeds=33,
        num_embeds_ada_norm=8,
        norm_type="ada_norm",
        norm_num_groups=4,
        sample_size=16,
        activation_fn="geglu-approximate",
    )
    learned = seeded(LearnedClassifierFreeSamplingEmbeddings, 105, learnable=True, hidden_size=32, length=16)
    return {
        "vqvae": vq(lookup_from_codebook=False),
        "text_encoder": text.clip_text(),
        "tokenizer": text.clip_tokenizer(),
        "transformer": filled(transformer, 104),
        "scheduler": VQDiffusionScheduler(num_vec_classes=33, num_train_timesteps=8),
        "learned_classifier_free_sampling_embeddings": filled(learned, 105, 1.0),
    }


PIPELINES = (
    tiny("MarigoldDepthPipeline", "marigold", lambda: marigold(prediction_type="depth"), SEEN),
    tiny("MarigoldNormalsPipeline", "marigold", lambda: marigold(prediction_type="normals"), SEEN),
    tiny("MarigoldIntrinsicsPipeline", "marigold", intrinsics, SEEN),
    tiny(
        "PaintByExamplePipeline",
        "paint-by-example",
        paint_by_example,
        {
            **SIZE,
            "example_image": file("image_32_b.png"),
            "image": file("image_32.png"),
            "mask_image": file("mask_32.png"),
            "output_type": "np",
        },
    ),
    tiny("AltDiffusionPipeline", "alt-diffusion", alt, TEXT),
    tiny("AltDiffusionImg2ImgPipeline", "alt-diffusion", alt, IMAGE, steps=3),
    tiny(
        "UniDiffuserPipeline",
        "unidiffuser",
        unidiffuser,
        {"prompt": "a handwritten seven", "image": None, "output_type": "np"},
    ),
    tiny(
        "VQDiffusionPipeline",
        "vq-diffusion",
        vq_diffusion,
        {"prompt": "a handwritten seven", "output_type": "np"},
        steps=3,
    ),
)
