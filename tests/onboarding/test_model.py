"""What someone typed, as a model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.onboarding.model import Model, model_of


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (Model("org/Stable-Diffusion_v1.5", "P"), "stable-diffusion_v1.5"),
        (Model("builtin:sd-digits", "P"), "sd-digits"),
        (Model("x", "P", Path("/models/My Model (2)")), "my-model-2"),
        (Model("x", "P", Path("/models/flux.dev.safetensors")), "flux.dev"),
        (Model("x", "P", Path("/models/a..b")), "a.b"),
        (Model("x", "P", Path("/models/模型")), "model"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_name_of_its_config(model: Model, name: str) -> None:
    assert model.name == name


def folder(path: Path, sample: object, blocks: object) -> None:
    for part, config in (("unet", {"sample_size": sample}), ("vae", {"block_out_channels": blocks})):
        (path / part).mkdir(parents=True)
        (path / part / "config.json").write_text(json.dumps(config))
    (path / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')


@pytest.mark.parametrize(
    ("sample", "blocks", "size"),
    [(64, [128, 256, 512, 512], 512), (32, [64], 32), (None, [64, 64], None), (64, None, 64)],
)
def test_the_size_it_was_made_for(tmp_path: Path, sample: object, blocks: object, size: int | None) -> None:
    folder(tmp_path / "model", sample, blocks)
    found = model_of("model", tmp_path, None)
    assert (found.pipeline, found.size, found.path) == (
        "StableDiffusionPipeline",
        size,
        tmp_path / "model",
    )


def test_a_class_that_is_named_is_taken(tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    assert model_of("bare", tmp_path, "FluxPipeline").pipeline == "FluxPipeline"
