"""The text of a first config: few steps, a small size, latents and picture, and whatever the pipeline asks for."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from harness.config.pipelines.classes import pipeline_problem
from harness.config.pipelines.signatures import ClassText, Signature, installed_class, method, signature
from harness.core.case import BUILTIN
from harness.errors import UsageError
from harness.onboarding.model import Model

STEPS = 4
SIZE = 256
"""Pixels, for models made for more; a multiple of what any VAE and patch size needs."""

_TAKE_IMAGES = (
    "Img2Img",
    "Inpaint",
    "ImageToVideo",
    "Image2Video",
    "Edit",
    "Pix2Pix",
    "Upscale",
    "Variation",
)
_SHORT: Mapping[str, object] = {
    "prompt": "a red bicycle in front of a white wall",
    "source_prompt": "a blue bicycle in front of a white wall",
    "num_frames": 9,
    "video_length": 8,
    "audio_length_in_s": 1.0,
    "audio_end_in_s": 1.0,
}
"""What is asked for as little as makes sense: nine frames suit models that compress time by four or by eight."""

_DIGIT = "a handwritten seven"
"""What the built-in models were trained to draw."""

_HEAD = """\
# Written by `harness init`: few steps and a small size, so that a run takes seconds. Change what matters to you; every
# key is explained in the documentation, and `harness schema` lets an editor complete them.
"""


def config_text(model: Model, where: Path) -> str:
    """The config of `model` for a file in the folder `where`; raises UsageError if its class is not known."""
    problem = pipeline_problem(model.pipeline)
    if problem:
        raise UsageError(f"{model.pipeline}: {problem}")
    of = installed_class(model.pipeline)
    takes = signature(of, "__call__") if of else None
    names = takes.names if isinstance(takes, Signature) else ()
    content: dict[str, object] = {"pipeline": model.pipeline, "model": _model(model, where)}
    if "num_inference_steps" in names:
        content["steps"] = STEPS
    content |= {"seed": 0, "generator": "cpu" if "generator" in names else "none"}
    call = dict(_call(model, takes)) if isinstance(takes, Signature) else {}
    outputs = _outputs(of, names)
    if len(outputs) == 1:
        call["output_type"] = outputs[0]
    content |= {"call": call} if call else {}
    content |= {"matrix": {"call.output_type": list(outputs)}} if len(outputs) > 1 else {}
    return _HEAD + "\n" + yaml.dump(content, sort_keys=False, default_flow_style=None, width=110)


def _model(model: Model, where: Path) -> dict[str, object]:
    found: dict[str, object] = {"id": os.path.relpath(model.path, where) if model.path else model.id}
    return found | ({"revision": model.revision} if model.revision else {})


def _call(model: Model, takes: Signature) -> Iterator[tuple[str, object]]:
    small = model.size is not None and model.size <= SIZE
    size = model.size if small and model.size else SIZE
    for name, value in _SHORT.items():
        if name in takes.names:
            yield name, _DIGIT if name == "prompt" and model.id.startswith(BUILTIN) else value
    if {"height", "width"} <= {*takes.names} and not small:
        yield from (("height", SIZE), ("width", SIZE))
    asks = any(word in model.pipeline for word in _TAKE_IMAGES)
    if "image" in takes.required or ("image" in takes.names and asks):
        yield "image", {"$gradient": {"shape": [size, size, 3]}}
    if "video" in takes.required:
        yield "video", {"$gradient": {"shape": [9, size, size, 3]}}
    if "mask_image" in takes.required or ("mask_image" in takes.names and "Inpaint" in model.pipeline):
        yield "mask_image", {"$gradient": {"shape": [size, size]}}


def _outputs(of: ClassText | None, names: tuple[str, ...]) -> tuple[str, ...]:
    """The output types to judge: the latents where the pipeline can give them, and float pictures."""
    if of is None or "output_type" not in names:
        return ()
    call = method(of, "__call__")
    gives_latents = call is not None and any(
        isinstance(node, ast.Constant) and node.value == "latent" for node in ast.walk(call)
    )
    return ("latent", "np") if gives_latents else ("np",)
