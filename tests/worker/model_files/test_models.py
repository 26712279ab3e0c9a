"""Models on this machine: found, loaded from safetensors, or refused with what to do."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import diffusers
import pytest
from diffusers import DDIMPipeline, DDIMScheduler, DiffusionPipeline, StableDiffusionPipeline

from harness import zoo
from harness.core.case import ModelSpec
from harness.worker.model_files import models, weights
from harness.worker.model_files.hub_errors import ModelUnavailable
from harness.worker.model_files.models import Source
from harness.worker.rejection import Rejection
from tests.support.single_file import write_single_file

UNET = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    """A copy of the built-in digits model, at `model` in a folder for configs."""
    return Path(shutil.copytree(zoo.model_dir("ddpm-digits"), tmp_path / "model"))


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("single") / "sd.safetensors"
    write_single_file(zoo.model_dir("sd-digits"), path)
    return path


def located(base: Path, model_id: str = "model", pipeline: type = DiffusionPipeline, **model: Any) -> Source:
    return models.locate(ModelSpec(model_id, **model), base, pipeline_class=pipeline)


def loaded(base: Path, model_id: str, pipeline: type = DiffusionPipeline, **model: Any) -> DiffusionPipeline:
    source = located(base, model_id, pipeline, **model)
    return models.load(source, ModelSpec(model_id, **model), base, pipeline)


def refusal(
    base: Path, model_id: str = "model", pipeline: type = DiffusionPipeline, **model: Any
) -> Rejection:
    with pytest.raises(Rejection) as caught:
        loaded(base, model_id, pipeline, **model)
    return caught.value


def rewrite_index(folder: Path, **entries: object) -> None:
    path = folder / "model_index.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **entries}))


# Found


def test_a_builtin_model_lies_in_the_zoo(tmp_path: Path) -> None:
    found = located(tmp_path, "builtin:ddpm-digits")
    assert found == Source(zoo.model_dir("ddpm-digits"), None, False, ())


@pytest.mark.parametrize("name", zoo.names())
def test_every_builtin_model_loads_by_its_own_index(tmp_path: Path, name: str) -> None:
    assert weights.component_digests(loaded(tmp_path, f"builtin:{name}"))


def test_a_folder_is_relative_to_the_config(digits: Path) -> None:
    configs = digits.parent / "configs"
    configs.mkdir()
    assert located(configs, "../model").path == digits.resolve()
    assert type(loaded(configs, "../model")) is DDIMPipeline
    assert located(configs, str(digits)).path == digits.resolve()


def test_a_single_file_is_the_same_model_as_its_folder(single: Path) -> None:
    config = {"config": "builtin:sd-digits"}
    assert located(single.parent, single.name, StableDiffusionPipeline) == Source(single, None, True, ())
    pipeline = loaded(single.parent, single.name, StableDiffusionPipeline, components=config)
    folder = loaded(single.parent, "builtin:sd-digits")
    assert set(weights.component_digests(pipeline)) == {"text_encoder", "unet", "vae"}
    assert weights.component_digests(pipeline) == weights.component_digests(folder)


def test_a_scheduler_with_its_class_defaults_needs_no_files(digits: Path) -> None:
    shutil.rmtree(digits / "scheduler")
    assert located(digits.parent).warnings == ()


# Not here


@pytest.mark.parametrize("model_id", ["./nowhere", "../a/b", "/no/where", "a/b/c", "lost.safetensors"])
def test_a_path_where_nothing_lies_is_a_reason_to_skip(tmp_path: Path, model_id: str) -> None:
    with pytest.raises(ModelUnavailable) as caught:
        located(tmp_path, model_id, StableDiffusionPipeline)
    assert str(caught.value).startswith(f"{model_id}: there is no ")
    assert str(caught.value).endswith("put the model there or fix model.id")
    assert str(tmp_path / model_id) in str(caught.value)


def test_a_single_file_without_configs_asks_for_a_folder(single: Path) -> None:
    with pytest.raises(
        ModelUnavailable, match=r"^sd\.safetensors: .*name a folder .* as model\.components\.config$"
    ):
        loaded(single.parent, single.name, StableDiffusionPipeline)


# Refused


def test_an_unknown_builtin_model_names_the_known_ones(tmp_path: Path) -> None:
    assert "ddpm-digits" in refusal(tmp_path, "builtin:nothing").message


def test_a_folder_that_is_no_model(digits: Path) -> None:
    (digits / "model_index.json").write_text("{")
    assert "model_index.json cannot be used" in refusal(digits.parent).message
    (digits / "model_index.json").write_text("{}")
    assert "names no pipeline class" in refusal(digits.parent).message
    (digits / "model_index.json").unlink()
    assert "has no model_index.json" in refusal(digits.parent).message


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.place),)


@pytest.mark.parametrize("name", ["diffusion_pytorch_model.bin", "model.ckpt", "weights.pt"])
def test_weights_as_pickle_only_are_refused_unopened(digits: Path, name: str) -> None:
    (digits / UNET).unlink()
    (digits / "unet" / name).write_bytes(pickle.dumps(Bomb(digits.parent / "exploded")))
    refused = refusal(digits.parent)
    assert (refused.key, refused.value) == ("model.id", "model")
    assert f"unet/{name}" in refused.message
    assert "pipeline.save_pretrained(FOLDER, safe_serialization=True)" in refused.message
    assert not (digits.parent / "exploded").exists()


def test_a_variant_as_pickle_only_is_refused(digits: Path) -> None:
    (digits / "unet" / "diffusion_pytorch_model.fp16.bin").write_bytes(b"")
    assert located(digits.parent).warnings == ()
    assert "fp16.bin" in refusal(digits.parent, variant="fp16").message


def test_weights_in_variants_only_need_one_named(digits: Path) -> None:
    (digits / UNET).rename(digits / "unet" / "diffusion_pytorch_model.fp16.safetensors")
    refused = refusal(digits.parent)
    assert (refused.key, refused.value) == ("model.variant", None)
    assert refused.message.endswith("it has: fp16")
    assert type(loaded(digits.parent, "model", variant="fp16")) is DDIMPipeline


def test_a_pickled_single_file_is_refused_unopened(tmp_path: Path) -> None:
    (tmp_path / "sd.ckpt").write_bytes(pickle.dumps(Bomb(tmp_path / "exploded")))
    refused = refusal(tmp_path, "sd.ckpt", StableDiffusionPipeline)
    assert ".ckpt is not a safetensors file" in refused.message
    assert not (tmp_path / "exploded").exists()


def test_pickles_in_the_folder_of_configs_are_refused_too(single: Path, tmp_path: Path) -> None:
    folder = tmp_path / "configs"
    shutil.copytree(zoo.model_dir("sd-digits"), folder)
    (folder / "text_encoder" / "model.safetensors").rename(folder / "text_encoder" / "pytorch_model.bin")
    components = {"config": str(folder)}
    assert (
        "pytorch_model.bin"
        in refusal(single.parent, single.name, StableDiffusionPipeline, components=components).message
    )


def test_a_folder_of_configs_that_is_not_there_is_a_reason_to_skip(single: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"^\./gone: there is no folder ") as caught:
        loaded(single.parent, single.name, StableDiffusionPipeline, components={"config": "./gone"})
    assert str(single.parent / "gone") in str(caught.value)


def test_what_a_single_file_cannot_say(single: Path) -> None:
    base, name = single.parent, single.name
    assert refusal(base, name).key == "pipeline"
    assert refusal(base, name, StableDiffusionPipeline, variant="fp16").key == "model.variant"
    assert "cannot be loaded from a single file" in refusal(base, name, DDIMPipeline).message


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git lfs pull"),
        (b"", "is damaged"),
        (b"\x08\0\0\0\0\0\0\0{}      and more", "is damaged"),
    ],
)
def test_files_that_are_not_whole_are_refused(digits: Path, content: bytes, said: str) -> None:
    (digits / UNET).write_bytes(content)
    assert said in refusal(digits.parent).message
    (digits.parent / "one.safetensors").write_bytes(content)
    assert said in refusal(digits.parent, "one.safetensors", StableDiffusionPipeline).message


def test_weights_that_are_missing_are_named(digits: Path) -> None:
    (digits / UNET).unlink()
    assert refusal(digits.parent).message.startswith("unet/*.safetensors is missing; ")


def test_a_missing_shard_is_named(digits: Path) -> None:
    map_of_shards = {
        "weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    }
    (digits / "unet" / "model.safetensors.index.json").write_text(json.dumps(map_of_shards))
    shutil.copy(digits / UNET, digits / "unet" / "model-00001-of-00002.safetensors")
    assert refusal(digits.parent).message.startswith("unet/model-00002-of-00002.safetensors is missing; ")


# Code


def test_a_pipeline_class_of_the_models_own_is_refused(digits: Path) -> None:
    rewrite_index(digits, _class_name=["my_pipeline", "MyPipeline"])
    assert refusal(digits.parent).message.startswith(
        "its pipeline class is defined in its own my_pipeline.py; "
    )


def test_a_component_class_of_the_models_own_is_refused(digits: Path) -> None:
    rewrite_index(digits, unet=["my_unet", "MyUNet"])
    assert "where diffusers does not look for components" in refusal(digits.parent).message
    (digits / "unet" / "my_unet.py").write_text("raise SystemExit")
    assert "defined in its own unet/my_unet.py" in refusal(digits.parent).message


def test_a_class_that_diffusers_does_not_have_is_refused(digits: Path) -> None:
    rewrite_index(digits, _class_name="FuturePipeline")
    refused = refusal(digits.parent)
    assert (refused.key, refused.value) == ("pipeline", "auto")
    assert f"'FuturePipeline', which diffusers {diffusers.__version__} does not have" in refused.message
    assert type(loaded(digits.parent, "model", DDIMPipeline)) is DDIMPipeline


def test_code_that_a_component_asks_for_is_neither_run_nor_asked_about(
    digits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # A processor loads its tokenizer by a class that would ask on the terminal whether to run the hub's mine.py.
    folder = digits / "tokenizer"
    folder.mkdir()
    code = {
        "auto_map": {"AutoTokenizer": ["nobody/model--mine.MyTokenizer", None]},
        "tokenizer_class": "MyTokenizer",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(code))
    (folder / "preprocessor_config.json").write_text(
        json.dumps({"image_processor_type": "CLIPImageProcessor"})
    )
    (folder / "config.json").write_text(json.dumps({"model_type": "mine"}))
    rewrite_index(digits, _class_name="LDMTextToImagePipeline", tokenizer=["transformers", "CLIPProcessor"])
    assert "it needs its own code" in refusal(digits.parent).message
    assert "Do you wish" not in capsys.readouterr().out


# Loaded


def test_components_replace_the_models_own_and_options_both(digits: Path) -> None:
    source = located(digits.parent)
    spec = ModelSpec("model", components={"scheduler": DDIMScheduler(num_train_timesteps=7)})
    pipeline = models.load(source, spec, digits.parent, DiffusionPipeline)
    assert pipeline.scheduler.config.num_train_timesteps == 7
    option = DDIMScheduler(num_train_timesteps=8)
    pipeline = models.load(source, spec, digits.parent, DiffusionPipeline, scheduler=option)
    assert pipeline.scheduler.config.num_train_timesteps == 8
