"""Pipelines of several stages: unCLIP, Kandinsky 1 to 3, Stable Cascade, Wuerstchen, DeepFloyd IF, Shap-E."""

from __future__ import annotations

from typing import Any

import diffusers
import torch
from diffusers import DDPMWuerstchenScheduler, PriorTransformer, UnCLIPScheduler, UNet2DConditionModel, VQModel
from diffusers.pipelines.deprecated.unclip.text_proj import UnCLIPTextProjModel
from diffusers.pipelines.deprecated.wuerstchen.modeling_paella_vq_model import PaellaVQModel
from diffusers.pipelines.deprecated.wuerstchen.modeling_wuerstchen_diffnext import WuerstchenDiffNeXt
from diffusers.pipelines.deprecated.wuerstchen.modeling_wuerstchen_prior import WuerstchenPrior
from diffusers.pipelines.kandinsky.text_encoder import MCLIPConfig, MultilingualCLIP
from diffusers.pipelines.shap_e.renderer import ShapERenderer
from diffusers.pipelines.stable_diffusion.stable_unclip_image_normalizer import StableUnCLIPImageNormalizer

from tests.support.tiny import schedulers, text, transformers, unets, vaes
from tests.support.tiny.components import centred, filled, seeded
from tests.support.tiny.entry import tiny
from tests.support.tiny.families.stable_diffusion import IMAGE, MASK, TEXT
from tests.support.tiny.inputs import file

SIMPLE = {
    "block_out_channels": (16, 32),
    "down_block_types": ("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
    "mid_block_type": "UNetMidBlock2DSimpleCrossAttn",
    "up_block_types": ("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
    "resnet_time_scale_shift": "scale_shift",
}
"""The blocks of unCLIP's, Kandinsky's and IF's UNets."""

PROMPT = {"prompt": "a handwritten seven"}
EMBEDS = {"image_embeds": file("tensor_1x32_a.safetensors"), "negative_image_embeds": file("tensor_1x32_b.safetensors")}


def prior(width: int = 32, seed: int = 60, **config: Any) -> PriorTransformer:
    """A prior over embeddings `width` wide; its statistics, which initialise to zero, become those of a unit normal."""
    settings = {"num_attention_heads": 2, "attention_head_dim": 12, "num_layers": 1, "embedding_dim": width, **config}
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
    return {**unclip_decoder(), "image_encoder": text.clip_vision(), "feature_extractor": text.clip_processor()}


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
    return {**stable_unclip(), "image_encoder": text.clip_vision(), "feature_extractor": text.clip_processor()}


def movq(seed: int = 65) -> VQModel:
    """Kandinsky's decoder: spatially normalised by its own latents, of spatial factor 8."""
    return seeded(
        VQModel,
        seed,
        block_out_channels=[32] * 4,  # the spatial norm has 32 groups
        down_block_types=[*["DownEncoderBlock2D"] * 3, "AttnDownEncoderBlock2D"],
        up_block_types=["AttnUpDecoderBlock2D", *["UpDecoderBlock2D"] * 3],
        latent_channels=4,
        norm_num_groups=8,
        norm_type="spatial",
        num_vq_embeddings=12,
        vq_embed_dim=4,
    )


def kandinsky_prior() -> dict[str, Any]:
    """The prior of Kandinsky 2.x."""
    return {
        "prior": prior(),
        "image_encoder": text.clip_vision(),
        "text_encoder": text.clip_text_projected(),
        "tokenizer": text.clip_tokenizer(),
        "scheduler": UnCLIPScheduler(variance_type="fixed_small_log", prediction_type="sample", clip_sample_range=10.0),
        "image_processor": text.clip_processor(),
    }


def kandinsky_unet(in_channels: int, kind: str, projection: str) -> UNet2DConditionModel:
    """Kandinsky's UNet, conditioned on an image embedding as `kind` and `projection` say."""
    return unets.conditioned(
        in_channels, 8, **SIMPLE, addition_embed_type=kind, encoder_hid_dim=32, encoder_hid_dim_type=projection
    )


def kandinsky1(in_channels: int = 4) -> dict[str, Any]:
    """Kandinsky 2.1's decoder, with its multilingual text encoder."""
    config = MCLIPConfig(
        transformerDimSize=32,
        imageDimSize=32,
        vocab_size=text.VOCABULARY_SIZE,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=90,
        pad_token_id=1,
    )
    return {
        "text_encoder": seeded(lambda: MultilingualCLIP(config), 66),
        "tokenizer": text.roberta_tokenizer(77),
        "unet": kandinsky_unet(in_channels, "text_image", "text_image_proj"),
        "scheduler": schedulers.stable_diffusion(set_alpha_to_one=False, steps_offset=1),
        "movq": movq(),
    }


def kandinsky22(in_channels: int = 4, kind: str = "image") -> dict[str, Any]:
    """Kandinsky 2.2's decoder, which takes image embeddings alone."""
    return {
        "unet": kandinsky_unet(in_channels, kind, "image_proj"),
        "scheduler": diffusers.DDPMScheduler(clip_sample=False),
        "movq": movq(),
    }


def combined(decoder: dict[str, Any]) -> dict[str, Any]:
    """A decoder together with Kandinsky's prior."""
    return {**decoder, **{f"prior_{name}": component for name, component in kandinsky_prior().items()}}


def kandinsky3() -> dict[str, Any]:
    """Kandinsky 3 over T5."""
    unet = transformers.made(
        "Kandinsky3UNet",
        in_channels=4,
        time_embedding_dim=8,
        groups=4,
        attention_head_dim=4,
        layers_per_block=3,
        block_out_channels=(16, 32),
        cross_attention_dim=8,
        encoder_hid_dim=32,
    )
    return {
        "tokenizer": text.t5_tokenizer(128),
        "text_encoder": text.t5_encoder(),
        "unet": unet,
        "scheduler": diffusers.DDPMScheduler(beta_schedule="squaredcos_cap_v2", clip_sample=True),
        "movq": movq(),
    }


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
        "prior": centred(prior_model, prior_model.out[1], 0.0),  # it divides by one minus half of its channels
        "text_encoder": text.clip_text(),
        "tokenizer": text.clip_tokenizer(),
        "scheduler": DDPMWuerstchenScheduler(),
    }


def wuerstchen_decoder() -> dict[str, Any]:
    """The decoder of Wuerstchen."""
    settings = {"c_cond": 32, "c_hidden": [16], "nhead": [-1], "blocks": [2], "level_config": ["CT"], "clip_embd": 32}
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


def floyd(larger: bool = False) -> dict[str, Any]:
    """DeepFloyd IF; the super-resolution stages (`larger`) read the smaller image beside the noise."""
    learned = diffusers.DDPMScheduler(
        beta_schedule="squaredcos_cap_v2", thresholding=True, sample_max_value=1.0, variance_type="learned_range"
    )
    options: dict[str, Any] = {"class_embed_type": "timestep"} if larger else {}
    unet = unets.conditioned(
        6 if larger else 3,
        6,
        **SIMPLE,
        encoder_hid_dim=32,
        addition_embed_type="text",
        addition_embed_type_num_heads=2,
        cross_attention_norm="group_norm",
        act_fn="gelu",
        **options,
    )
    components: dict[str, Any] = {
        "tokenizer": text.t5_tokenizer(77),
        "text_encoder": text.t5_encoder(),
        "unet": unet,
        "scheduler": learned,
        "safety_checker": None,
        "feature_extractor": None,
        "watermarker": None,
    }
    noising = {"image_noising_scheduler": diffusers.DDPMScheduler(beta_schedule="squaredcos_cap_v2")}
    return {**components, **(noising if larger else {})}


def shap_e(**prior_config: Any) -> dict[str, Any]:
    """What both Shap-E pipelines share: a prior over a latent that a renderer turns into a shape."""
    width = 8
    renderer = seeded(
        ShapERenderer,
        70,
        param_shapes=((width, 93), (width, 8), (width, 8), (width, 8)),
        d_latent=16,
        d_hidden=width,
        n_output=12,
        background=(0.1, 0.1, 0.1),
    )
    model = filled(
        seeded(
            PriorTransformer,
            71,
            num_attention_heads=2,
            attention_head_dim=16,
            embedding_dim=16,
            num_embeddings=32,
            embedding_proj_dim=32,
            time_embed_dim=64,
            num_layers=1,
            clip_embed_dim=32,
            additional_embeddings=0,
            time_embed_act_fn="gelu",
            norm_in_type="layer",
            encoder_hid_proj_type=None,
            added_emb_type=None,
            **prior_config,
        ),
        71,
    )
    scheduler = diffusers.HeunDiscreteScheduler(
        beta_schedule="exp",
        num_train_timesteps=1024,
        prediction_type="sample",
        use_karras_sigmas=True,
        clip_sample=True,
        clip_sample_range=1.0,
    )
    return {"prior": model, "scheduler": scheduler, "shap_e_renderer": renderer}


def shap_e_text() -> dict[str, Any]:
    """Shap-E from text."""
    return {**shap_e(), "text_encoder": text.clip_text_projected(), "tokenizer": text.clip_tokenizer()}


def shap_e_image() -> dict[str, Any]:
    """Shap-E from an image."""
    encoder = text.clip_vision_plain(image_size=32, patch_size=8)
    components = shap_e(embedding_proj_norm_type="layer")
    return {**components, "image_encoder": encoder, "image_processor": text.clip_processor()}


UNCLIP_STEPS = {"prior": 2, "decoder": 3, "super_res": 2}
SQUARE = {"height": 64, "width": 64, "guidance_scale": 4.0, "output_type": "np"}
SOURCE = {"image": file("image_64.png"), "strength": 0.7}
PAINT = {"image": file("image_64.png"), "mask_image": file("mask_64.png")}
HINT = {"hint": file("tensor_1x3x64x64.safetensors")}
TWO_STAGES = {"num_inference_steps": 2, "prior_num_inference_steps": 2}
IF_CALL = {**TEXT, "clean_caption": False}
IF_IMAGE = {"prompt": "a handwritten seven", "output_type": "np", "clean_caption": False, "image": file("image_32.png")}
PATCH = {"image": file("image_16.png"), "original_image": file("image_32.png")}

PIPELINES = (
    tiny("UnCLIPPipeline", "unclip", unclip, {**PROMPT, "output_type": "np"}, steps=UNCLIP_STEPS),
    tiny("UnCLIPImageVariationPipeline", "unclip", unclip_variation, {"image": file("image_32.png"), "output_type": "np"}, steps={"decoder": 3, "super_res": 2}),
    tiny("StableUnCLIPPipeline", "unclip", stable_unclip_text, {**TEXT, "prior_num_inference_steps": 2}),
    tiny("StableUnCLIPImg2ImgPipeline", "unclip", stable_unclip_image, {**TEXT, "image": file("image_32.png")}),
    tiny("KandinskyPriorPipeline", "kandinsky", kandinsky_prior, {**PROMPT, "output_type": "np"}),
    tiny("KandinskyPipeline", "kandinsky", kandinsky1, {**PROMPT, **EMBEDS, **SQUARE}),
    tiny("KandinskyImg2ImgPipeline", "kandinsky", kandinsky1, {**PROMPT, **EMBEDS, **SQUARE, **SOURCE}, steps=3),
    tiny("KandinskyInpaintPipeline", "kandinsky", lambda: kandinsky1(9), {**PROMPT, **EMBEDS, **SQUARE, **PAINT}),
    tiny("KandinskyCombinedPipeline", "kandinsky", lambda: combined(kandinsky1()), {**PROMPT, **SQUARE, **TWO_STAGES}, steps=None),
    tiny("KandinskyImg2ImgCombinedPipeline", "kandinsky", lambda: combined(kandinsky1()), {**PROMPT, **SQUARE, **SOURCE, **TWO_STAGES, "num_inference_steps": 3}, steps=None),
    tiny("KandinskyInpaintCombinedPipeline", "kandinsky", lambda: combined(kandinsky1(9)), {**PROMPT, **SQUARE, **PAINT, **TWO_STAGES}, steps=None),
    tiny("KandinskyV22PriorPipeline", "kandinsky", kandinsky_prior, {**PROMPT, "output_type": "np"}),
    tiny("KandinskyV22PriorEmb2EmbPipeline", "kandinsky", kandinsky_prior, {**PROMPT, "image": file("image_32.png"), "strength": 0.7, "output_type": "np"}, steps=3),
    tiny("KandinskyV22Pipeline", "kandinsky", kandinsky22, {**EMBEDS, **SQUARE}),
    tiny("KandinskyV22Img2ImgPipeline", "kandinsky", kandinsky22, {**EMBEDS, **SQUARE, **SOURCE}, steps=3),
    tiny("KandinskyV22InpaintPipeline", "kandinsky", lambda: kandinsky22(9), {**EMBEDS, **SQUARE, **PAINT}),
    tiny("KandinskyV22ControlnetPipeline", "kandinsky", lambda: kandinsky22(8, "image_hint"), {**EMBEDS, **SQUARE, **HINT}),
    tiny("KandinskyV22ControlnetImg2ImgPipeline", "kandinsky", lambda: kandinsky22(8, "image_hint"), {**EMBEDS, **SQUARE, **HINT, **SOURCE}, steps=3),
    tiny("KandinskyV22CombinedPipeline", "kandinsky", lambda: combined(kandinsky22()), {**PROMPT, **SQUARE, **TWO_STAGES}, steps=None),
    tiny("KandinskyV22Img2ImgCombinedPipeline", "kandinsky", lambda: combined(kandinsky22()), {**PROMPT, **SQUARE, **SOURCE, **TWO_STAGES, "num_inference_steps": 3}, steps=None),
    tiny("KandinskyV22InpaintCombinedPipeline", "kandinsky", lambda: combined(kandinsky22(9)), {**PROMPT, **SQUARE, **PAINT, **TWO_STAGES}, steps=None),
    tiny("Kandinsky3Pipeline", "kandinsky", kandinsky3, {**PROMPT, **SQUARE}),
    tiny("Kandinsky3Img2ImgPipeline", "kandinsky", kandinsky3, {**PROMPT, **SOURCE, "guidance_scale": 4.0, "output_type": "np"}, steps=3),
    tiny("StableCascadePriorPipeline", "cascade", cascade_prior, {**PROMPT, "height": 128, "width": 128, "output_type": "np"}),
    tiny("StableCascadeDecoderPipeline", "cascade", cascade_decoder, {**PROMPT, "image_embeddings": file("tensor_1x16x4x4.safetensors"), "guidance_scale": 2.0, "output_type": "np"}),
    tiny("StableCascadeCombinedPipeline", "cascade", lambda: cascaded(cascade_prior(), cascade_decoder()), {**PROMPT, "height": 128, "width": 128, "output_type": "np", **TWO_STAGES}, steps=None),
    tiny("WuerstchenPriorPipeline", "cascade", wuerstchen_prior, {**PROMPT, "height": 128, "width": 128, "output_type": "np"}),
    tiny("WuerstchenDecoderPipeline", "cascade", wuerstchen_decoder, {**PROMPT, "image_embeddings": file("tensor_1x4x4x4.safetensors"), "output_type": "np"}),
    tiny("WuerstchenCombinedPipeline", "cascade", lambda: cascaded(wuerstchen_prior(), wuerstchen_decoder()), {**PROMPT, "height": 128, "width": 128, "output_type": "np", **TWO_STAGES}, steps=None),
    tiny("IFPipeline", "deepfloyd-if", floyd, IF_CALL),
    tiny("IFImg2ImgPipeline", "deepfloyd-if", floyd, {**IF_IMAGE, "strength": 0.7}, steps=3),
    tiny("IFInpaintingPipeline", "deepfloyd-if", floyd, {**IF_IMAGE, "mask_image": file("mask_32.png")}, steps=3),
    tiny("IFSuperResolutionPipeline", "deepfloyd-if", lambda: floyd(larger=True), {**IF_CALL, "image": file("image_16.png")}),
    tiny("IFImg2ImgSuperResolutionPipeline", "deepfloyd-if", lambda: floyd(larger=True), {**IF_IMAGE, **PATCH, "strength": 0.7}, steps=3, overrides=dict.fromkeys(("safety_checker", "feature_extractor", "watermarker"))),
    tiny("IFInpaintingSuperResolutionPipeline", "deepfloyd-if", lambda: floyd(larger=True), {**IF_IMAGE, **PATCH, "mask_image": file("mask_32.png")}, steps=3),
    tiny("ShapEPipeline", "shap-e", shap_e_text, {**PROMPT, "frame_size": 8, "output_type": "latent"}),
    tiny("ShapEImg2ImgPipeline", "shap-e", shap_e_image, {"image": file("image_32.png"), "frame_size": 8, "output_type": "latent"}),
)
__all__ = ["IMAGE", "MASK", "PIPELINES"]
