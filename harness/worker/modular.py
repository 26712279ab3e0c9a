"""What is different about diffusers' modular pipelines: how they are loaded, and what their call takes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diffusers import ModularPipeline
from diffusers.guiders.guider_utils import BaseGuidance

GUIDER = BaseGuidance
"""The class of the components that guide; they keep state between the steps, as schedulers do."""

OUTPUT = "output"
"""The argument of the call that names which of the values it computed are returned."""


def load(pipeline_class: type[ModularPipeline], folder: Path, keywords: Mapping[str, Any]) -> ModularPipeline:
    """A modular pipeline with the components of the model folder, which may be that of an ordinary pipeline."""
    pipeline = pipeline_class(pretrained_model_name_or_path=str(folder))
    pipeline.load_components(**keywords)
    return pipeline


def parameters(pipeline: ModularPipeline) -> Mapping[str, inspect.Parameter]:
    """The inputs of the pipeline's blocks, and `output`, as parameters of its call."""
    inputs = {one.name: one.default for one in pipeline.blocks.inputs if one.name}
    return {
        name: inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
        for name, default in {**inputs, OUTPUT: None}.items()
    }


def all_outputs(pipeline: ModularPipeline) -> str | list[str]:
    """What `output` must be for the call to return all that the pipeline says it gives."""
    names = [one.name for one in pipeline.blocks.outputs if one.name]
    return names[0] if len(names) == 1 else names
