"""How diffusers' modular pipelines differ: how they are loaded, and what their call accepts."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.worker.environment.releases import BaseGuidance, ModularPipeline
from harness.worker.model_files.modular_index import Part

GUIDER = BaseGuidance
"""The base class of guidance components; like schedulers, they keep state between the steps."""

OUTPUT = "output"
"""The argument of the call that names the computed values to return."""


def load(pipeline_class: type[ModularPipeline], folder: Path, keywords: Mapping[str, Any]) -> ModularPipeline:
    """A modular pipeline with the components of an ordinary pipeline's model folder."""
    pipeline = pipeline_class(pretrained_model_name_or_path=str(folder))
    pipeline.load_components(**keywords)
    return pipeline


def load_parts(
    pipeline_class: type[ModularPipeline], folder: Path, parts: Sequence[Part], keywords: Mapping[str, Any]
) -> ModularPipeline:
    """A modular pipeline with the `parts` that the modular index of `folder` names.

    Raises the error of a component that fails to load; `load_components` would log it and skip the component.
    """
    pipeline = pipeline_class(pretrained_model_name_or_path=str(folder))
    wanted = [part for part in parts if part.name in pipeline.pretrained_component_names]
    pipeline.register_components(**{part.name: _loaded(pipeline, part, keywords) for part in wanted})
    return pipeline


def _loaded(pipeline: ModularPipeline, part: Part, keywords: Mapping[str, Any]) -> object:
    per_part = {key: value for key, value in keywords.items() if not isinstance(value, dict)}
    for key, choices in keywords.items():
        if isinstance(choices, dict) and (part.name in choices or "default" in choices):
            per_part[key] = choices.get(part.name, choices.get("default"))
    if part.is_model:
        per_part["use_safetensors"] = True
    place = {"pretrained_model_name_or_path": str(part.folder), "subfolder": part.subfolder, "revision": None}
    try:
        return pipeline.get_component_spec(part.name).load(**place, variant=part.variant, **per_part)
    except ValueError as error:
        # diffusers wraps it in "Unable to load ... using load method"; the wrapped error says what is missing.
        raise (error.__context__ if isinstance(error.__context__, Exception) else error) from None


def parameters(pipeline: ModularPipeline) -> Mapping[str, inspect.Parameter]:
    """The inputs of the pipeline's blocks, and `output`, as parameters of its call."""
    inputs = {one.name: one.default for one in pipeline.blocks.inputs if one.name}
    return {
        name: inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
        for name, default in {**inputs, OUTPUT: None}.items()
    }


def all_outputs(pipeline: ModularPipeline) -> str | list[str]:
    """The `output` for which the call returns everything that the pipeline declares."""
    names = [one.name for one in pipeline.blocks.outputs if one.name]
    return names[0] if len(names) == 1 else names
