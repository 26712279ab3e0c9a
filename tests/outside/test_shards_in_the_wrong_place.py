"""A model in shards of which one holds another's tensors is refused by name, before anything is loaded."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from diffusers import DDIMPipeline, DiffusionPipeline, UNet2DModel
from safetensors.torch import load_file, save_file

from harness import zoo
from harness.core.case import ModelSpec
from harness.worker.model_files import models, weights
from harness.worker.rejection import Rejection


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built-in digits model as diffusers saves it in shards."""
    folder = tmp_path_factory.mktemp("sharded") / "model"
    shutil.copytree(zoo.model_dir("ddpm-digits"), folder)
    unet = UNet2DModel.from_pretrained(folder / "unet")
    shutil.rmtree(folder / "unet")
    unet.save_pretrained(folder / "unet", max_shard_size="300KB")
    assert len(list((folder / "unet").glob("*.safetensors"))) > 2
    return folder


@pytest.fixture
def model(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "model"))


def shards(model: Path) -> list[Path]:
    return sorted((model / "unet").glob("*.safetensors"))


def located(model: Path) -> models.Source:
    return models.locate(ModelSpec("model"), model.parent, pipeline_class=DiffusionPipeline)


def refusal(model: Path) -> str:
    with pytest.raises(Rejection) as caught:
        located(model)
    return str(caught.value)


def swapped(one: Path, other: Path) -> None:
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)


def copied(one: Path, other: Path) -> None:
    shutil.copy(one, other)


def with_a_tensor_of(one: Path, other: Path) -> None:
    tensors = load_file(other)
    name, value = next(iter(load_file(one).items()))
    save_file({**tensors, name: value}, other)


def test_a_model_in_shards_is_loaded(model: Path) -> None:
    source = located(model)
    pipeline = models.load(source, ModelSpec("model"), model.parent, DDIMPipeline)
    whole = UNet2DModel.from_pretrained(zoo.model_dir("ddpm-digits") / "unet")
    assert weights.weights_sha256(pipeline.unet) == weights.weights_sha256(whole)


@pytest.mark.parametrize("damage", [swapped, copied, with_a_tensor_of])
def test_a_shard_with_another_shards_tensors_is_named(
    model: Path, damage: Callable[[Path, Path], None]
) -> None:
    one, other = shards(model)[:2]
    tensor = next(iter(sorted(load_file(one))))
    damage(one, other)
    told = refusal(model)
    assert f"unet/{other.name} holds tensors of {one.name} ({tensor}" in told
    assert "save the model again" in told


def test_a_tensor_that_no_shard_holds_is_named(model: Path) -> None:
    one = shards(model)[0]
    tensors = load_file(one)
    name = sorted(tensors)[0]
    save_file({key: value for key, value in tensors.items() if key != name}, one)
    assert (
        f"unet/{one.name} lacks 1 of the {len(tensors)} tensors that its index assigns to it ({name})"
        in refusal(model)
    )


def test_an_index_that_a_merge_left_unfinished_is_called_so(model: Path) -> None:
    [index] = (model / "unet").glob("*.index.json")
    text = index.read_text()
    index.write_text(text.replace("{\n", "{\n<<<<<<< HEAD\n=======\n>>>>>>> theirs\n", 1))
    assert f"unet/{index.name} line 2: unresolved merge conflict" in refusal(model)
    index.write_text(json.dumps({"metadata": {}}))
    assert f"unet/{index.name} is not an index of shards" in refusal(model)
