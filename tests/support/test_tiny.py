"""The tiny pipelines build, save, load again and give finite output that is not constant."""

from __future__ import annotations

import importlib.util
import inspect
import os
from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Any

import numpy
import pytest

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from diffusers import DiffusionPipeline
from PIL import Image

from tests.support.tiny import inputs
from tests.support.tiny.entry import TinyPipeline, pipeline_class
from tests.support.tiny.registry import all_tiny, build_folder, tiny_named

FAST = (
    "StableDiffusionPipeline",
    "FluxPipeline",
    "UnCLIPPipeline",
    "WanPipeline",
    "AudioLDMPipeline",
    "UniDiffuserPipeline",
    "DDPMPipeline",
)
"""One pipeline for each kind of result and of text encoder; the others run in the slow tests."""


WIDE = ("HunyuanVideo15Pipeline",)
"""Pipelines with a layer of a fixed width that makes their folder larger than the others."""


def cases() -> Iterator[Any]:
    for entry in all_tiny():
        marks = [] if entry.name in FAST else [pytest.mark.slow]
        yield pytest.param(entry, marks=marks, id=entry.name)


def arrays(value: object) -> Iterator[numpy.ndarray]:
    """Every array of numbers in a pipeline's result."""
    if isinstance(value, Image.Image):
        yield numpy.asarray(value)
    elif isinstance(value, torch.Tensor):
        yield value.numpy()
    elif isinstance(value, numpy.ndarray):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from arrays(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from arrays(item)


def called(pipeline: DiffusionPipeline, entry: TinyPipeline, folder: Path) -> object:
    """The result of the entry's call, with a generator seeded 0 where one is taken."""
    generator = torch.Generator().manual_seed(0)
    for step in entry.before:
        for name, arguments in step.items():
            method = reduce(getattr, name.split("."), pipeline)
            accepted = {"generator": generator} if "generator" in inspect.signature(method).parameters else {}
            method(**inputs.resolve(dict(arguments), folder), **accepted)
    arguments = entry.arguments(folder)
    return pipeline(**arguments, **({"generator": generator} if entry.generator == "cpu" else {}))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("entry", cases())
def test_result_is_finite_and_varied(entry: TinyPipeline, tmp_path: Path) -> None:
    missing = [package for package in entry.needs if importlib.util.find_spec(package) is None]
    if missing:
        pytest.skip(f"{entry.name} needs {', '.join(missing)}")
    build_folder(entry, tmp_path)
    found = list(arrays(called(entry.build(), entry, tmp_path)))
    assert found
    for array in found:
        assert numpy.isfinite(array).all()
        assert array.std() > 1e-3


@pytest.mark.parametrize("entry", cases())
def test_folder_is_small_and_without_pickle(entry: TinyPipeline, tmp_path: Path) -> None:
    build_folder(entry, tmp_path)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < (20 if entry.name in WIDE else 5) * 2**20
    assert not [path.name for path in files if path.suffix in (".bin", ".pt", ".pth", ".ckpt", ".pkl")]


@pytest.mark.parametrize("entry", cases())
def test_call_and_steps_are_taken_by_the_class(entry: TinyPipeline, tmp_path: Path) -> None:
    entry.write_inputs(tmp_path)
    names = {name for name, _ in inspect.signature(pipeline_class(entry.name).__call__).parameters.items()}
    assert set(entry.arguments(tmp_path)) <= names


def test_weights_are_the_same_every_time() -> None:
    torch.manual_seed(1)
    first = tiny_named("StableDiffusionPipeline").build().unet.state_dict()
    torch.manual_seed(2)
    second = tiny_named("StableDiffusionPipeline").build().unet.state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_saved_folder_loads_and_runs(tmp_path: Path) -> None:
    entry = tiny_named("StableDiffusionImg2ImgPipeline")
    build_folder(entry, tmp_path)
    loaded = DiffusionPipeline.from_pretrained(tmp_path)
    assert type(loaded).__name__ == entry.name
    assert next(iter(arrays(called(loaded, entry, tmp_path)))).shape == (1, 32, 32, 3)


def test_at_least_sixty_classes() -> None:
    assert len(all_tiny()) >= 60
    assert all(entry.name == pipeline_class(entry.name).__name__ for entry in all_tiny())
