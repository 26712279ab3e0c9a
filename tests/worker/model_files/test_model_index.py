"""Model folders whose model_index.json diffusers cannot follow by itself load all the same."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import diffusers
import pytest
from diffusers import DiffusionPipeline, pipelines
from diffusers.pipelines.pipeline_loading_utils import ALL_IMPORTABLE_CLASSES, get_class_obj_and_candidates

from harness.core.case import ModelSpec
from harness.worker.model_files import model_index, models
from tests.support.tiny.registry import build_folder, tiny_named

MENDED = {
    "diffusers": (
        "PaellaVQModel",
        "SafeStableDiffusionSafetyChecker",
        "UnCLIPTextProjModel",
        "PreTrainedModel",
    ),
    "diffusers.pipelines": ("unclip", "wuerstchen", "stable_diffusion_safe"),
    "diffusers.pipelines.deprecated": ("KarrasVeScheduler",),
    "transformers": ("ViTFeatureExtractor",),
}


@pytest.fixture(autouse=True)
def _nothing_mended_yet() -> Iterator[None]:
    def forget() -> None:
        for holder, names in MENDED.items():
            for name in names:
                vars(importlib.import_module(holder)).pop(name, None)

    forget()
    yield
    forget()


def saved(name: str, folder: Path, **entries: list[str]) -> Path:
    """A tiny pipeline as saved by diffusers, with other entries in its model_index.json."""
    build_folder(tiny_named(name), folder)
    path = folder / "model_index.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **entries}))
    return folder


def load(folder: Path, **model: Any) -> DiffusionPipeline:
    spec = ModelSpec(str(folder), **model)
    source = models.locate(spec, folder, pipeline_class=DiffusionPipeline)
    return models.load(source, spec, folder, DiffusionPipeline)


@pytest.mark.parametrize(
    ("name", "component", "moved", "class_name"),
    [
        ("UnCLIPPipeline", "text_proj", "unclip", "UnCLIPTextProjModel"),
        ("StableCascadeDecoderPipeline", "vqgan", "wuerstchen", "PaellaVQModel"),
        ("WuerstchenDecoderPipeline", "vqgan", "wuerstchen", "PaellaVQModel"),
    ],
)
@pytest.mark.parametrize("spelling", ["as on the hub", "as saved now"])
def test_components_of_modules_that_moved_are_found(
    tmp_path: Path, name: str, component: str, moved: str, class_name: str, spelling: str
) -> None:
    library = moved if spelling == "as on the hub" else "diffusers"
    folder = saved(name, tmp_path, **{component: [library, class_name]})
    with pytest.raises((AttributeError, ModuleNotFoundError, ValueError)):
        DiffusionPipeline.from_pretrained(str(folder))
    pipeline = load(folder)
    assert type(pipeline).__name__ == name
    assert type(getattr(pipeline, component)).__name__ == class_name


def test_only_the_modules_that_an_index_names_are_aliased() -> None:
    index = {
        "_class_name": "UnCLIPPipeline",
        "a": ["unclip", "X"],
        "b": ["diffusers", "Y"],
        "c": [None, None],
    }
    assert model_index.alias_moved_modules(index) == ("unclip",)
    assert model_index.alias_moved_modules(index) == ()
    assert pipelines.unclip.UnCLIPTextProjModel.__module__.startswith("diffusers.pipelines.deprecated.unclip")
    assert not hasattr(pipelines, "wuerstchen")


@pytest.mark.parametrize("library", ["os.path", "..unclip", "nowhere", "", "pipeline_utils"])
def test_names_that_are_no_moved_module_are_left_alone(library: str) -> None:
    assert model_index.alias_moved_modules({"_class_name": "X", "a": [library, "Y"]}) == ()


def test_a_scheduler_that_was_saved_as_deprecated_is_found(tmp_path: Path) -> None:
    folder = saved("KarrasVePipeline", tmp_path)
    assert json.loads((folder / "model_index.json").read_text())["scheduler"] == [
        "deprecated",
        "KarrasVeScheduler",
    ]
    assert type(load(folder).scheduler).__name__ == "KarrasVeScheduler"


@pytest.mark.parametrize("library", ["diffusers", "stable_diffusion_safe"])
def test_a_class_that_a_pipelines_module_does_not_export_is_found(library: str) -> None:
    name = "SafeStableDiffusionSafetyChecker"
    index = {"_class_name": "StableDiffusionPipelineSafe", "safety_checker": [library, name]}
    assert model_index.make_findable(index) == ()
    of_pipeline = hasattr(pipelines, library)
    # What from_pretrained asks: which class, and by which of its base classes it is loaded.
    found, bases = get_class_obj_and_candidates(library, name, ALL_IMPORTABLE_CLASSES, pipelines, of_pipeline)
    assert found.__module__.endswith("stable_diffusion_safe.safety_checker")
    assert any(base is not None and issubclass(found, base) for base in bases.values())


def test_an_optional_component_of_any_type_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diffusers.LLaDA2Pipeline, "_optional_components", [])
    folder = saved("LLaDA2Pipeline", tmp_path)
    with pytest.raises(AttributeError):
        diffusers.LLaDA2Pipeline.from_pretrained(str(folder))
    library, class_name = json.loads((folder / "model_index.json").read_text())["tokenizer"]
    pipeline = load(folder)
    assert library == "transformers"
    assert type(pipeline.tokenizer).__name__ == class_name
    assert pipeline.eos_token_id == pipeline.tokenizer.eos_token_id


def test_an_optional_component_of_a_stated_type_is_left_to_the_class() -> None:
    declared = diffusers.LongCatAudioDiTPipeline._optional_components
    index = {"_class_name": "LongCatAudioDiTPipeline", "scheduler": ["diffusers", "EulerDiscreteScheduler"]}
    model_index.declare_untyped_components(index, diffusers.LongCatAudioDiTPipeline)
    assert diffusers.LongCatAudioDiTPipeline._optional_components is declared


def test_a_component_set_to_null_is_passed_to_classes_that_insist_on_it(tmp_path: Path) -> None:
    folder = saved("StableDiffusionInpaintPipelineLegacy", tmp_path, safety_checker=[None, None])
    with pytest.raises(ValueError, match="expected"):
        DiffusionPipeline.from_pretrained(str(folder))
    assert load(folder).safety_checker is None


def test_a_class_that_transformers_renamed_is_replaced_and_said_so() -> None:
    index = {"_class_name": "X", "feature_extractor": ["transformers", "ViTFeatureExtractor"]}
    (sentence,) = model_index.make_findable(index)
    assert sentence.startswith("feature_extractor: transformers ")
    assert "has no ViTFeatureExtractor, ViTImageProcessor" in sentence
    assert importlib.import_module("transformers").ViTFeatureExtractor.__name__.startswith(
        "ViTImageProcessor"
    )


def test_a_class_that_is_nowhere_is_left_to_diffusers_own_error() -> None:
    index = {"_class_name": "X", "a": ["diffusers", "NoSuchModel"], "b": ["transformers", "NoSuchModel"]}
    assert model_index.make_findable(index) == ()
    assert not hasattr(diffusers, "NoSuchModel")


def test_components_are_those_with_library_and_class() -> None:
    index = {
        "_class_name": ["a", "b"],
        "unet": ["diffusers", "U"],
        "none": [None, None],
        "sizes": [1, 2],
        "flag": True,
    }
    assert list(model_index.components(index)) == [("unet", "diffusers", "U")]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            '{"_class_name": "A"}'.encode("utf-8-sig"),
            "begins with a byte order mark, which diffusers does not read",
        ),
        ('{"_class_name": "A"}'.encode("utf-16"), "UTF-16 text; save it as UTF-8"),
        (b"{\n<<<<<<< HEAD\n=======\n>>>>>>> theirs\n}", "line 2: unresolved merge conflict"),
        (b"[]", "names no pipeline class"),
    ],
)
def test_an_index_that_another_hand_wrote(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "model_index.json").write_bytes(content)
    with pytest.raises(ValueError, match=told):
        model_index.read(tmp_path / "model_index.json")
