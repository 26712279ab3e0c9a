from __future__ import annotations

from pathlib import Path

import pytest

from harness.judge.traces.stages import (
    Role,
    Stage,
    argument_stage,
    component_role,
    pipeline_code_stage,
    role_of,
    value_stage,
)
from tests.support.traces import Call, make_trace, structure_of

MODELS = "diffusers.models"
CLIP = "transformers.models.clip.modeling_clip"


@pytest.mark.parametrize(
    ("name", "class_name", "stage"),
    [
        ("noise.randn_tensor", "", Stage.NOISE),
        ("pipeline.__call__", "", Stage.INPUTS),
        ("pipeline.output", "", Stage.POST_PROCESSING),
        ("scheduler.step", "diffusers.schedulers.scheduling_ddim.DDIMScheduler", Stage.SCHEDULER),
        ("prior_scheduler.set_timesteps", "diffusers.schedulers.x.UnCLIPScheduler", Stage.SCHEDULER),
        (
            "EulerDiscreteScheduler.copy.step",
            "diffusers.schedulers.e.EulerDiscreteScheduler",
            Stage.SCHEDULER,
        ),
        ("tokenizer_2.__call__", "transformers.models.t5.T5TokenizerFast", Stage.TEXT_ENCODING),
        ("text_encoder.forward", f"{CLIP}.CLIPTextModelWithProjection", Stage.TEXT_ENCODING),
        ("text_encoder_2.forward", "transformers.models.t5.modeling_t5.T5EncoderModel", Stage.TEXT_ENCODING),
        ("text_encoder.forward", "transformers.models.llama.LlamaForCausalLM", Stage.TEXT_ENCODING),
        ("bert.forward", "diffusers.pipelines.latent_diffusion.x.LDMBertModel", Stage.TEXT_ENCODING),
        (
            "text_proj.forward",
            "diffusers.pipelines.unclip.text_proj.UnCLIPTextProjModel",
            Stage.TEXT_ENCODING,
        ),
        ("image_encoder.forward", f"{CLIP}.CLIPVisionModelWithProjection", Stage.IMAGE_ENCODING),
        ("feature_extractor.__call__", "transformers.CLIPImageProcessor", Stage.IMAGE_ENCODING),
        ("clip.get_image_features", f"{CLIP}.CLIPModel", Stage.IMAGE_ENCODING),
        ("image_processor.preprocess", "diffusers.image_processor.VaeImageProcessor", Stage.IMAGE_ENCODING),
        ("image_processor.postprocess", "diffusers.image_processor.VaeImageProcessor", Stage.POST_PROCESSING),
        (
            "video_processor.postprocess_video",
            "diffusers.video_processor.VideoProcessor",
            Stage.POST_PROCESSING,
        ),
        ("vae.encode", f"{MODELS}.autoencoders.autoencoder_kl.AutoencoderKL", Stage.IMAGE_ENCODING),
        ("vae.decode", f"{MODELS}.autoencoders.autoencoder_kl.AutoencoderKL", Stage.DECODING),
        ("vqvae.decode", f"{MODELS}.autoencoders.vq_model.VQModel", Stage.DECODING),
        ("vocoder.forward", "transformers.models.speecht5.SpeechT5HifiGan", Stage.DECODING),
        ("unet.forward", f"{MODELS}.unets.unet_2d_condition.UNet2DConditionModel", Stage.DENOISER),
        ("decoder.forward", f"{MODELS}.unets.unet_2d_condition.UNet2DConditionModel", Stage.DENOISER),
        ("prior.post_process_latents", f"{MODELS}.transformers.x.PriorTransformer", Stage.DENOISER),
        ("transformer.forward", f"{MODELS}.transformers.x.SD3Transformer2DModel", Stage.DENOISER),
        ("controlnet.forward", f"{MODELS}.controlnets.controlnet.ControlNetModel", Stage.DENOISER),
        ("safety_checker.forward", "x.StableDiffusionSafetyChecker", Stage.POST_PROCESSING),
    ],
)
def test_stage_of_an_event(name: str, class_name: str, stage: Stage, tmp_path: Path) -> None:
    component = name.rpartition(".")[0]
    trace = make_trace(tmp_path / "a", [Call(name)], classes={component: class_name} if class_name else {})
    assert role_of(trace, trace.events[0]).stage is stage


def test_class_from_the_structure(tmp_path: Path) -> None:
    structure = structure_of(classes={"odd": "diffusers.schedulers.scheduling_x.XScheduler"})
    trace = make_trace(tmp_path / "a", [], classes={}, structure=structure)
    assert component_role(trace, "odd") is Role.SCHEDULER


@pytest.mark.parametrize(
    ("consumer", "slot", "producer", "begun", "stage"),
    [
        (Role.SCHEDULER, "model_output", Role.DENOISER, True, Stage.GUIDANCE),
        (Role.SCHEDULER, "timestep", Role.SCHEDULER, True, Stage.SCHEDULER),
        (Role.SCHEDULER, "sample", Role.NOISE, False, Stage.NOISE),
        (Role.SCHEDULER, "sample", Role.SCHEDULER, True, Stage.GUIDANCE),
        (Role.SCHEDULER, "original_samples", None, False, Stage.IMAGE_ENCODING),
        (Role.SCHEDULER, "noise", Role.NOISE, False, Stage.NOISE),
        (Role.DECODER, "z", Role.SCHEDULER, True, Stage.DECODING),
        (Role.FINISH, "image", Role.DECODER, True, Stage.POST_PROCESSING),
        (Role.OUTPUT, "images", Role.SCHEDULER, True, Stage.POST_PROCESSING),
        (Role.DENOISER, "timestep", Role.SCHEDULER, True, Stage.SCHEDULER),
        (Role.DENOISER, "sample", None, False, Stage.NOISE),
        (Role.DENOISER, "sample", Role.SCHEDULER, True, Stage.GUIDANCE),
        (Role.DENOISER, "hidden_states", None, True, Stage.GUIDANCE),
        (Role.DENOISER, "encoder_hidden_states", Role.TEXT, True, Stage.TEXT_ENCODING),
        (Role.DENOISER, "encoder_hidden_states", None, True, Stage.TEXT_ENCODING),
        (Role.DENOISER, "encoder_hidden_states", Role.IMAGE, True, Stage.IMAGE_ENCODING),
        (Role.DENOISER, "added_cond_kwargs.text_embeds", None, True, Stage.TEXT_ENCODING),
        (Role.DENOISER, "added_cond_kwargs.image_embeds", None, True, Stage.IMAGE_ENCODING),
        (Role.DENOISER, "proj_embedding", None, True, Stage.TEXT_ENCODING),
        (Role.DENOISER, "class_labels", Role.TEXT, True, Stage.TEXT_ENCODING),
        (Role.DENOISER, "class_labels", Role.ARGUMENTS, True, Stage.INPUTS),
        (Role.DENOISER, "mid_block_additional_residual", None, True, Stage.DENOISER),
        (Role.DENOISER, "guidance", None, True, Stage.GUIDANCE),
        (Role.TEXT, "input_ids", Role.TOKENIZER, False, Stage.TEXT_ENCODING),
        (Role.TEXT, "image_embeddings", Role.SCHEDULER, True, Stage.DENOISER),
        (Role.IMAGE, "pixel_values", None, False, Stage.IMAGE_ENCODING),
    ],
)
def test_stage_between_events(
    consumer: Role, slot: str, producer: Role | None, begun: bool, stage: Stage
) -> None:
    assert pipeline_code_stage(consumer, slot, producer, begun=begun) is stage


@pytest.mark.parametrize(
    ("name", "stage"),
    [
        ("guidance_scale", Stage.GUIDANCE),
        ("prior_num_inference_steps", Stage.SCHEDULER),
        ("eta", Stage.SCHEDULER),
        ("prompt", Stage.INPUTS),
        ("height", Stage.INPUTS),
        ("output_type", Stage.POST_PROCESSING),
    ],
)
def test_argument_stage(name: str, stage: Stage) -> None:
    assert argument_stage(name) is stage
    assert value_stage(Role.ARGUMENTS, name) is stage


def test_value_stage() -> None:
    assert value_stage(Role.SCHEDULER, "eta") is Stage.SCHEDULER
    assert value_stage(Role.DENOISER, "timestep") is Stage.SCHEDULER
    assert value_stage(Role.DENOISER, "cross_attention_kwargs.scale") is Stage.DENOISER
    assert value_stage(Role.TOKENIZER, "text") is Stage.TEXT_ENCODING


def test_words_of_the_contract() -> None:
    assert {str(stage) for stage in Stage} == {
        *("inputs", "noise", "text_encoding", "image_encoding", "denoiser", "guidance", "scheduler"),
        *("decoding", "post_processing"),
    }
