"""The stage of a pipeline that an event belongs to, or that the code between two events belongs to."""

from __future__ import annotations

from enum import Enum, StrEnum

from harness.core.trace import NOISE, PIPELINE, Event
from harness.golden.trace import Trace


class Stage(StrEnum):
    """The parts of a pipeline that a difference can begin in."""

    INPUTS = "inputs"
    NOISE = "noise"
    TEXT_ENCODING = "text_encoding"
    IMAGE_ENCODING = "image_encoding"
    DENOISER = "denoiser"
    GUIDANCE = "guidance"
    SCHEDULER = "scheduler"
    DECODING = "decoding"
    POST_PROCESSING = "post_processing"


class Role(Enum):
    """What an event does."""

    ARGUMENTS = (Stage.INPUTS, "arguments")
    NOISE = (Stage.NOISE, "noise")
    TOKENIZER = (Stage.TEXT_ENCODING, "tokenizer")
    TEXT = (Stage.TEXT_ENCODING, "text")
    IMAGE = (Stage.IMAGE_ENCODING, "image")
    DENOISER = (Stage.DENOISER, "denoiser")
    SCHEDULER = (Stage.SCHEDULER, "scheduler")
    DECODER = (Stage.DECODING, "decoder")
    FINISH = (Stage.POST_PROCESSING, "finish")
    OUTPUT = (Stage.POST_PROCESSING, "output")

    @property
    def stage(self) -> Stage:
        """The stage of a difference that begins inside such an event."""
        return self.value[0]


_BEFORE = ("preprocess", "normalize", "resize", "pil_to", "blur", "get_crop", "crop", "encode", "numpy_to_pt")

_TEXT_CLASSES = (
    *("TextModel", "TextEncoder", "TextProj", "TextConnectors", "T5", "Bert", "Llama", "Gemma", "Qwen"),
    *("GPT", "ChatGLM", "Mistral", "Phi", "CausalLM", "Projection", "LyricEncoder", "ConditionEncoder"),
    *("ClapModel", "SpeechT5", "Ministral", "SmolLM", "LanguageModel", "QFormer", "PromptEncoder"),
)
_IMAGE_CLASSES = (
    *("Vision", "ImageProcessor", "FeatureExtract", "ImageEncoder", "Dino", "ViT", "DPT", "Depth"),
    *("Segmentation", "ImageProjection", "ImageNormalizer", "Siglip", "Redux", "T2IAdapter"),
)
_FINISH_CLASSES = ("Safety", "Watermark")
_DECODER_CLASSES = (
    "Autoencoder",
    "VQModel",
    "VQModal",
    "Vocoder",
    "HifiGan",
    "Renderer",
    "ConsistencyDecoder",
)
_DECODER_NAMES = ("vae", "vqvae", "vqgan", "movq", "vocoder", "audio_vae", "renderer")
_DENOISER_CLASSES = ("UNet", "Transformer", "Prior", "ControlNet", "DiT", "UVit", "MotionAdapter")


def role_of(trace: Trace, event: Event) -> Role:
    """What the event does, by the class and name of its component and its method."""
    component, method = event.signature.component, event.signature.method
    if component == NOISE:
        return Role.NOISE
    if component == PIPELINE:
        return Role.OUTPUT if method == "output" else Role.ARGUMENTS
    return component_role(trace, component, method)


def component_role(trace: Trace, component: str, method: str = "forward") -> Role:
    """As `role_of`, for any method of a component."""
    qualified = trace.class_of(component) or _structured(trace, component)
    module, _, name = qualified.rpartition(".")
    if name.endswith("Scheduler") or ".schedulers." in module or _ends(component, ("scheduler",)):
        return Role.SCHEDULER
    if _has(name, _FINISH_CLASSES) or _has(component, ("safety", "watermark")):
        return Role.FINISH
    if "Tokenizer" in name or "tokenizer" in component:
        return Role.TOKENIZER
    if _is_processor(name, module):
        return Role.IMAGE if method.startswith(_BEFORE) or method == "__call__" else Role.FINISH
    if _has(name, _DECODER_CLASSES) or _ends(component, _DECODER_NAMES):
        return Role.IMAGE if method == "encode" else Role.DECODER
    return _network_role(component, method, module, name)


def pipeline_code_stage(consumer: Role, slot: str, producer: Role | None, *, begun: bool) -> Stage:
    """The stage of the pipeline's own code between two events, by the tensor it produced.

    `slot` is the input's name at its consumer; `producer` is the event whose output it was, unchanged, in the
    golden, if known; `begun` says whether a scheduler has stepped since noise was last drawn.
    """
    name = slot.lower()
    match consumer:
        case Role.SCHEDULER:
            return _into_scheduler(name, begun)
        case Role.DENOISER:
            return _into_denoiser(name, producer, begun)
        case Role.TEXT:
            # UnCLIP: the prior's output goes through its post_process_latents into the text projection.
            return (
                (Stage.DENOISER if begun else Stage.IMAGE_ENCODING)
                if "image" in name
                else Stage.TEXT_ENCODING
            )
        case _:
            return consumer.stage


def argument_stage(name: str) -> Stage:
    """The stage that only this argument of the pipeline's call affects; `inputs` for all others."""
    if "guidance" in name or name in ("true_cfg_scale", "pag_scale", "pag_adaptive_scale"):
        return Stage.GUIDANCE
    if "num_inference_steps" in name or name.split(".")[0] in ("timesteps", "sigmas", "eta", "strength"):
        return Stage.SCHEDULER
    if name.split(".")[0] == "output_type":
        return Stage.POST_PROCESSING
    return Stage.INPUTS


def value_stage(consumer: Role, name: str) -> Stage:
    """The stage of a plain argument that the pipeline's own code passed to an event."""
    if consumer is Role.ARGUMENTS:
        return argument_stage(name)
    if consumer is Role.DENOISER:
        return _into_denoiser(name.lower(), None, begun=True, default=Stage.DENOISER)
    return consumer.stage


def _into_scheduler(name: str, begun: bool) -> Stage:
    if _has(name, ("timestep", "sigma", "eta", "step_index")):
        return Stage.SCHEDULER
    if "noise" in name:
        return Stage.NOISE
    if name.startswith("original"):
        return Stage.IMAGE_ENCODING
    if name == "sample" and not begun:
        return Stage.NOISE
    return Stage.GUIDANCE


_OF_PRODUCER = {
    Role.ARGUMENTS: Stage.INPUTS,
    Role.TOKENIZER: Stage.TEXT_ENCODING,
    Role.TEXT: Stage.TEXT_ENCODING,
    Role.IMAGE: Stage.IMAGE_ENCODING,
    Role.DENOISER: Stage.DENOISER,
}


def _into_denoiser(name: str, producer: Role | None, begun: bool, default: Stage | None = None) -> Stage:
    if name.startswith(("timestep", "sigma")) or name in ("t", "time", "r", "timestep_r"):
        return Stage.SCHEDULER
    if "guidance" in name:
        return Stage.GUIDANCE
    if producer in _OF_PRODUCER:
        return _OF_PRODUCER[producer]
    if "residual" in name:
        return Stage.DENOISER
    if _has(name, ("image", "control", "pixel", "clip_embed")):
        return Stage.IMAGE_ENCODING
    if _has(
        name,
        ("encoder_hidden", "encoder_attention", "text", "txt", "prompt", "caption", "pooled", "proj_emb"),
    ):
        return Stage.TEXT_ENCODING
    if _has(name, ("attention_mask",)):
        return Stage.TEXT_ENCODING
    if _has(name, ("class_labels", "time_ids", "_ids")):
        return Stage.INPUTS
    if default is not None:
        return default
    return Stage.GUIDANCE if begun else Stage.NOISE


def _structured(trace: Trace, component: str) -> str:
    found = trace.structure.components.get(component)
    return found.class_name if found else ""


def _is_processor(name: str, module: str) -> bool:
    """Whether it turns pictures, videos or sound into tensors and back, such as VaeImageProcessor."""
    known = ("ImageProcessor", "VideoProcessor", "AudioProcessor", "FeatureExtract", "InpaintProcessor")
    return _has(name, known) or module.endswith(("image_processor", "video_processor"))


def _network_role(component: str, method: str, module: str, name: str) -> Role:
    of_transformers = module.partition(".")[0] == "transformers"
    if _has(name, _IMAGE_CLASSES) or _has(component, ("image_enc", "feature_extractor", "vision")):
        return Role.IMAGE
    if of_transformers:
        return Role.IMAGE if "image" in method else Role.TEXT
    if _has(name, _DENOISER_CLASSES):
        return Role.DENOISER
    if _has(name, _TEXT_CLASSES) or _has(component, ("text", "prompt", "connectors")):
        return Role.TEXT
    return Role.DENOISER


def _has(text: str, words: tuple[str, ...]) -> bool:
    return any(word in text for word in words)


def _ends(component: str, words: tuple[str, ...]) -> bool:
    return component.endswith(words)
