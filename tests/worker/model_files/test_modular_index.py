"""Folders that a modular pipeline's save_pretrained wrote: found wherever they lie, checked, and loaded."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import diffusers
import pytest
from diffusers import DiffusionPipeline, ModularPipeline, StableDiffusionXLModularPipeline

from harness.core.case import ModelSpec
from harness.worker.model_files import models, weights
from harness.worker.model_files.hub_errors import ModelUnavailable
from harness.worker.model_files.modular_index import MODULAR_INDEX
from harness.worker.rejection import Rejection
from tests.support.tiny.registry import build_folder, tiny_named

WEIGHTS = "diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`xl`, a tiny Stable Diffusion XL, and `modular`, the same as a modular pipeline saves it."""
    folder = tmp_path_factory.mktemp("modular")
    build_folder(tiny_named("StableDiffusionXLPipeline"), folder / "xl")
    pipeline = StableDiffusionXLModularPipeline(pretrained_model_name_or_path=str(folder / "xl"))
    pipeline.load_components()
    pipeline.save_pretrained(str(folder / "modular"), overwrite_modular_index=True)
    return folder


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    """A copy of `modular`, whose index names the place where it was saved, which is not there any more."""
    moved = Path(shutil.copytree(original / "modular", tmp_path / "models/moved"))
    index = moved / MODULAR_INDEX
    index.write_text(index.read_text().replace(str(original / "modular"), "/where/it/was"))
    return moved


def edit(folder: Path, component: str, **fields: object) -> None:
    path = folder / MODULAR_INDEX
    index = json.loads(path.read_text())
    index[component][2] |= fields
    path.write_text(json.dumps(index))


def load(folder: Path, asked: type = DiffusionPipeline, **model: Any) -> DiffusionPipeline:
    spec = ModelSpec(str(folder), **model)
    source = models.locate(spec, folder, pipeline_class=asked)
    return models.load(source, spec, folder, asked)


@pytest.mark.parametrize("asked", [DiffusionPipeline, ModularPipeline, StableDiffusionXLModularPipeline])
def test_a_folder_that_was_moved_loads_with_its_own_components(
    folder: Path, original: Path, asked: type
) -> None:
    pipeline = load(folder, asked)
    assert type(pipeline) is StableDiffusionXLModularPipeline
    ordinary = load(original / "xl")
    for component in ("unet", "vae", "text_encoder", "text_encoder_2"):
        assert weights.weights_sha256(getattr(pipeline, component)) == weights.weights_sha256(
            getattr(ordinary, component)
        )
    assert type(pipeline.scheduler) is type(ordinary.scheduler)


def test_a_component_of_another_folder_is_taken_from_there(folder: Path, original: Path) -> None:
    shutil.rmtree(folder / "vae")
    shutil.move(shutil.copytree(original / "xl/vae", folder.parent / "other"), folder.parent / "vaes/best")
    edit(folder, "vae", pretrained_model_name_or_path="../vaes", subfolder="best")
    assert weights.weights_sha256(load(folder).vae) == weights.weights_sha256(load(original / "xl").vae)


def test_a_component_that_was_not_saved_is_left_out_and_named(folder: Path) -> None:
    # Stable Diffusion XL's blocks know an image encoder and its preprocessing, which this model never had.
    source = models.locate(ModelSpec(str(folder)), folder, pipeline_class=DiffusionPipeline)
    assert source.warnings == tuple(
        f"{name} was not saved with the model and is nowhere else, so it is not loaded"
        for name in ("feature_extractor", "image_encoder")
    )
    assert {part.name for part in source.parts} & {"feature_extractor", "image_encoder"} == set()


def test_an_index_written_before_anything_was_loaded_needs_all_its_components(original: Path) -> None:
    folder = original / "unloaded"
    StableDiffusionXLModularPipeline(pretrained_model_name_or_path=str(original / "xl")).save_config(
        str(folder)
    )
    edit(folder, "vae", pretrained_model_name_or_path="org/vae")
    with pytest.raises(ModelUnavailable, match=r"^org/vae: HF_HUB_OFFLINE is set"):
        load(folder)
    edit(folder, "vae", pretrained_model_name_or_path=str(original / "xl"))
    pipeline = load(folder)
    assert weights.component_digests(pipeline).keys() == {"unet", "vae", "text_encoder", "text_encoder_2"}


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("/nowhere/at/all", "its vae is in /nowhere/at/all, which is not on this machine"),
        ("org/vae", "org/vae: HF_HUB_OFFLINE is set, and the cache "),
    ],
)
def test_a_component_that_is_elsewhere_is_a_reason_to_skip(folder: Path, place: str, reason: str) -> None:
    shutil.rmtree(folder / "vae")
    edit(folder, "vae", pretrained_model_name_or_path=place)
    with pytest.raises(ModelUnavailable) as caught:
        load(folder)
    assert reason in str(caught.value)


def test_a_component_set_to_null_is_left_out(folder: Path) -> None:
    shutil.rmtree(folder / "vae")
    pipeline = load(folder, components={"vae": None})
    assert pipeline.vae is None
    assert pipeline.unet is not None


def test_the_variant_is_loaded_where_there_is_one(folder: Path) -> None:
    (folder / "unet" / WEIGHTS).rename(folder / "unet/diffusion_pytorch_model.fp16.safetensors")
    spec = ModelSpec(str(folder), variant="fp16")
    source = models.locate(spec, folder, pipeline_class=DiffusionPipeline)
    assert {part.name for part in source.parts if part.variant == "fp16"} == {"unet"}
    assert "vae has no variant 'fp16': its default weights are used" in source.warnings
    assert models.load(source, spec, folder, DiffusionPipeline).unet is not None


def refusal(folder: Path, asked: type = DiffusionPipeline) -> str:
    with pytest.raises(Rejection) as caught:
        load(folder, asked)
    return str(caught.value)


def test_pickles_are_refused(folder: Path) -> None:
    (folder / "unet" / WEIGHTS).rename(folder / "unet/diffusion_pytorch_model.bin")
    assert "offers weights only as pickle (unet/diffusion_pytorch_model.bin)" in refusal(folder)


def test_weights_that_are_missing_or_cut_short_are_refused(folder: Path) -> None:
    (folder / "vae" / WEIGHTS).write_bytes((folder / "vae" / WEIGHTS).read_bytes()[:-1])
    assert f"vae/{WEIGHTS} is damaged" in refusal(folder)
    (folder / "vae" / WEIGHTS).unlink()
    assert "vae/*.safetensors is missing" in refusal(folder)


def test_blocks_that_diffusers_does_not_have_are_refused(folder: Path) -> None:
    path = folder / MODULAR_INDEX
    path.write_text(json.dumps({**json.loads(path.read_text()), "_blocks_class_name": "MyBlocks"}))
    assert "its blocks are MyBlocks, which diffusers " in refusal(folder)


def test_an_ordinary_class_is_refused_naming_the_modular_one(folder: Path) -> None:
    said = refusal(folder, diffusers.StableDiffusionXLPipeline)
    assert said.startswith("pipeline = 'StableDiffusionXLPipeline': ")
    assert said.endswith("name StableDiffusionXLModularPipeline, or auto")


def test_a_component_that_does_not_load_is_not_left_out(folder: Path) -> None:
    config = folder / "unet/config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "cross_attention_dim": 8}))
    with pytest.raises(Exception, match=r"size mismatch|shape"):
        load(folder)
