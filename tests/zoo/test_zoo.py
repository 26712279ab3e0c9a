"""The registry, and what lies in the folders it names."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors import safe_open

from harness import zoo

LARGEST_ZOO = 12_000_000
WEIGHT_SUFFIXES = {".bin", ".ckpt", ".pkl", ".pt", ".pth", ".msgpack", ".h5", ".onnx"}

NAMES = ("ddpm-digits", "sd-digits", "unclip-digits")
each_model = pytest.mark.parametrize("name", NAMES)


def files_of(name: str) -> dict[str, Path]:
    root = zoo.model_dir(name)
    return {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}


def test_names() -> None:
    assert zoo.names() == NAMES


@each_model
def test_model_dir_holds_the_pipeline_index(name: str) -> None:
    index = json.loads((zoo.model_dir(name) / "model_index.json").read_text())
    assert index["_class_name"] in {"DDIMPipeline", "StableDiffusionPipeline", "UnCLIPPipeline"}


def test_model_dir_of_an_unknown_name_says_what_exists() -> None:
    with pytest.raises(LookupError) as raised:
        zoo.model_dir("sd-letters")
    assert str(raised.value) == (
        "'sd-letters' is not a built-in model; use one of: ddpm-digits, sd-digits, unclip-digits"
    )


@pytest.mark.parametrize("name", ["", "..", "train", "ddpm-digits/unet"])
def test_model_dir_refuses_paths(name: str) -> None:
    with pytest.raises(LookupError):
        zoo.model_dir(name)


def test_every_model_is_locked() -> None:
    assert tuple(sorted(zoo.locked_files())) == tuple(sorted(NAMES))


@each_model
def test_lock_names_every_file_and_no_other(name: str) -> None:
    assert sorted(zoo.locked_files()[name]) == sorted(files_of(name))


@each_model
def test_lock_matches_the_files(name: str) -> None:
    hashes = {file: hashlib.sha256(path.read_bytes()).hexdigest() for file, path in files_of(name).items()}
    assert hashes == zoo.locked_files()[name]


@each_model
def test_weights_are_safetensors(name: str) -> None:
    suffixes = {path.suffix for path in files_of(name).values()}
    assert ".safetensors" in suffixes
    assert not suffixes & WEIGHT_SUFFIXES


@each_model
def test_folders_do_not_say_where_they_were_made(name: str) -> None:
    configs = [path.read_text() for path in files_of(name).values() if path.suffix == ".json"]
    assert not [text for text in configs if "_name_or_path" in text or "/tmp" in text]


@pytest.mark.parametrize("name", ["sd-digits", "unclip-digits"])
def test_text_encoders_name_their_weights_for_transformers_4_too(name: str) -> None:
    with safe_open(zoo.model_dir(name) / "text_encoder" / "model.safetensors", "np") as file:
        assert {key.partition(".")[0] for key in file.keys()} <= {"text_model", "text_projection"}  # noqa: SIM118
        assert file.metadata() == {"format": "pt"}


def test_the_whole_zoo_is_small() -> None:
    sizes = [path.stat().st_size for path in zoo.ROOT.rglob("*") if path.suffix != ".pyc" and path.is_file()]
    assert sum(sizes) < LARGEST_ZOO


def test_registry_loads_the_standard_library_only() -> None:
    program = (
        "import sys; before = set(sys.modules); import harness.zoo as z; z.names(); z.locked_files();"
        "loaded = {name.partition('.')[0] for name in set(sys.modules) - before};"
        "print(sorted(loaded - set(sys.stdlib_module_names)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['harness']"
