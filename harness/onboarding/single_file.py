"""The pipeline class that a single .safetensors file belongs to, by the names and shapes of its tensors.

The names are those that diffusers looks for (`CHECKPOINT_KEY_NAMES` in `diffusers/loaders/single_file_utils.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness.codec import as_mapping
from harness.config.weights import SAFETENSORS
from harness.errors import UsageError

_LENGTH_BYTES = 8
_LONGEST_HEADER = 100_000_000
_CONTEXT = "model.diffusion_model.input_blocks.2.1.transformer_blocks.0.attn2.to_k.weight"
_KINDS = (
    ("model.diffusion_model.joint_blocks.0.context_block.adaLN_modulation.1.bias", "StableDiffusion3Pipeline"),
    ("conditioner.embedders.1.model.transformer.resblocks.9.mlp.c_proj.bias", "StableDiffusionXLPipeline"),
    ("conditioner.embedders.0.transformer.text_model.embeddings.token_embedding.weight", "StableDiffusionXLPipeline"),
    ("cond_stage_model.transformer.text_model.embeddings.token_embedding.weight", "StableDiffusionPipeline"),
    ("cond_stage_model.model.token_embedding.weight", "StableDiffusionPipeline"),
    (_CONTEXT, "StableDiffusionPipeline"),
)  # fmt: skip
"""A tensor's name and what it shows, the most telling first."""

_INPUT = "model.diffusion_model.input_blocks.0.0.weight"
_INPAINTING_CHANNELS = 9


def pipeline_of(path: Path, typed: str) -> str:
    """The class of the pipeline in the file; raises UsageError if it cannot be told."""
    if path.suffix != SAFETENSORS:
        step = "convert it with PIPELINE.from_single_file(FILE).save_pretrained(FOLDER)"
        raise UsageError(f"{typed}: not a {SAFETENSORS} file; {step}")
    shapes = _shapes(path)
    found = next((pipeline for name, pipeline in _KINDS if name in shapes), None)
    if found is None:
        raise UsageError(f"{typed}: its tensors do not tell its pipeline; name the class with --pipeline")
    inputs = shapes.get(_INPUT, ())
    if len(inputs) > 1 and inputs[1] == _INPAINTING_CHANNELS:
        return found.replace("Pipeline", "InpaintPipeline")
    return found


def _shapes(path: Path) -> Mapping[str, tuple[int, ...]]:
    """The shape of each tensor, from the header alone: the weights are large."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
        header = as_mapping(file.read(length)) if length <= _LONGEST_HEADER else {}
    return {
        name: tuple(shape)
        for name, one in header.items()
        if isinstance(one, dict) and isinstance(shape := one.get("shape"), list)
    }
