"""The class of the pipeline in a single file, from its header alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.onboarding.single_file import pipeline_of

SD1 = "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight"
SD2 = "cond_stage_model.model.token_embedding.weight"
XL = "conditioner.embedders.1.model.transformer.resblocks.9.mlp.c_proj.bias"
SD3 = "model.diffusion_model.joint_blocks.0.context_block.adaLN_modulation.1.bias"
INPUT = "model.diffusion_model.input_blocks.0.0.weight"


def header_only(path: Path, **shapes: list[int]) -> Path:
    header = {"__metadata__": {"a": "b"}}
    header |= {
        name: {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]} for name, shape in shapes.items()
    }
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text)
    return path


@pytest.mark.parametrize(
    ("names", "pipeline"),
    [
        ({SD1: [1], INPUT: [320, 4, 3, 3]}, "StableDiffusionPipeline"),
        ({SD1: [1], INPUT: [320, 9, 3, 3]}, "StableDiffusionInpaintPipeline"),
        ({SD2: [1]}, "StableDiffusionPipeline"),
        ({XL: [1], INPUT: [320, 4, 3, 3]}, "StableDiffusionXLPipeline"),
        ({XL: [1], INPUT: [320, 9, 3, 3]}, "StableDiffusionXLInpaintPipeline"),
        ({SD3: [1]}, "StableDiffusion3Pipeline"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_its_tensors_tell(tmp_path: Path, names: dict[str, list[int]], pipeline: str) -> None:
    assert pipeline_of(header_only(tmp_path / "m.safetensors", **names), "m") == pipeline


@pytest.mark.parametrize("content", [b"", b"\xff" * 8, b"\x04\0\0\0\0\0\0\0nope", b"\x02\0\0\0\0\0\0\0[]"])
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="do not tell its pipeline; name the class with --pipeline"):
        pipeline_of(path, "m.safetensors")
