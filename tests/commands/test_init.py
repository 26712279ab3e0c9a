"""`harness init` for every kind of model: the config works, and nothing that exists is replaced."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from harness.cli import main
from tests.support.hub_server import files_of, hub
from tests.support.project import ROOT, Project
from tests.support.single_file import write_single_file

SD = ROOT / "harness/zoo/sd-digits"
DDPM = ROOT / "harness/zoo/ddpm-digits"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def config(name: str) -> dict[str, object]:
    return yaml.safe_load(Path(f"configs/{name}.yaml").read_text())


def test_without_a_model_it_is_an_example(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init"]) == 0
    assert (
        capsys.readouterr().out
        == f"""\
wrote    configs/sd-digits.yaml
extended .gitignore
extended .gitattributes

in {here}: 2 cases: sd-digits@call.output_type=latent, sd-digits@call.output_type=np

next:
  harness record
      run every case twice, and store what both runs agree on
  git add configs/sd-digits.yaml .gitignore .gitattributes goldens
      the goldens belong to the code that they judge
  harness verify
      from now on: does it still compute the same?
"""
    )
    assert config("sd-digits") == {
        "pipeline": "StableDiffusionPipeline",
        "model": {"id": "builtin:sd-digits"},
        "steps": 4,
        "seed": 0,
        "generator": "cpu",
        "call": {"prompt": "a handwritten seven"},
        "matrix": {"call.output_type": ["latent", "np"]},
    }
    assert Path(".gitignore").read_text() == "/out/\n"
    assert "goldens/**/*.safetensors -text -diff\n" in Path(".gitattributes").read_text()


def test_what_it_writes_is_recorded_and_verified(here: Path) -> None:
    """A user's own model, from nothing to a judged golden."""
    shutil.copytree(DDPM, "models/My Model (1)")
    project = Project(here)
    assert project.harness("init", "models/My Model (1)").code == 0
    assert config("my-model-1")["model"] == {"id": "../models/My Model (1)"}
    for command in ("record", "verify"):
        ran = project.harness(command, "--device", "cpu")
        assert ran.code == 0, ran.out + ran.err
    assert project.verdicts() == {"my-model-1": "identical"}


def test_a_single_file_tells_its_class_by_its_tensors(here: Path) -> None:
    write_single_file(SD, here / "digits.safetensors")
    assert main(["init", "digits.safetensors"]) == 0
    found = config("digits")
    assert (found["pipeline"], found["model"]) == ("StableDiffusionPipeline", {"id": "../digits.safetensors"})
    # Nothing tells the size it was made for.
    assert {"height": 256, "width": 256}.items() <= dict(found["call"]).items()  # type: ignore[call-overload]


def test_a_model_of_the_hub_is_pinned(here: Path) -> None:
    with hub() as server:
        commit = server.repository("org/digits", files_of(DDPM)).resolve("main")
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        settings = {"HF_ENDPOINT": server.url, "HF_HOME": str(here / "hf"), "NO_PROXY": "127.0.0.1,localhost"}
        done = subprocess.run(
            [sys.executable, "-m", "harness", "init", "org/digits", "--quiet"],
            env={**kept, **settings, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    found = config("digits")
    assert (found["pipeline"], found["model"]) == ("DDIMPipeline", {"id": "org/digits", "revision": commit})


def test_without_the_hub_the_class_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "org/model"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: org/model: its model_index.json cannot be had (")
    assert error.endswith("check the id and the network, or name its class with --pipeline\n")
    assert not Path("configs").exists()
    assert main(["init", "org/model", "--pipeline", "WanPipeline"]) == 0
    assert dict(config("model")["call"])["num_frames"] == 9  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("pipeline", "names"),
    [
        ("StableDiffusionInpaintPipeline", {"prompt", "height", "width", "image", "mask_image"}),
        ("StableDiffusionXLImg2ImgPipeline", {"prompt", "image"}),
        ("StableVideoDiffusionPipeline", {"num_frames", "height", "width", "image"}),
        ("LucyEditPipeline", {"prompt", "num_frames", "height", "width", "video"}),
        ("RePaintPipeline", {"image", "mask_image"}),
        ("AudioLDM2Pipeline", {"prompt", "audio_length_in_s"}),
    ],
)
def test_it_gives_what_the_pipeline_asks_for(pipeline: str, names: set[str]) -> None:
    assert main(["init", f"org/{pipeline}", "--pipeline", pipeline]) == 0
    assert set(dict(config(pipeline.lower())["call"])) - {"output_type"} == names  # type: ignore[call-overload]


def test_what_exists_is_left_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    Path(".gitlab-ci.yml").write_text("theirs\n")
    assert main(["init", "--ci", "gitlab"]) == 2
    assert capsys.readouterr().err == (
        "error: .gitlab-ci.yml: exists already and is left as it is; nothing was written. Move it away first\n"
    )
    assert sorted(os.listdir()) == [".gitlab-ci.yml"]
    assert main(["init", "--ci", "github"]) == 0
    assert main(["init"]) == 2
    assert "configs/sd-digits.yaml: exists already" in capsys.readouterr().err


def test_lines_are_added_once(here: Path) -> None:
    Path(".gitignore").write_text("*.pyc\nout/")
    Path(".gitattributes").write_text("*.png binary")
    assert main(["init"]) == 0
    assert Path(".gitignore").read_text() == "*.pyc\nout/"
    assert Path(".gitattributes").read_text().splitlines()[0] == "*.png binary"
    assert main(["init", "builtin:ddpm-digits"]) == 0
    assert Path(".gitattributes").read_text().count("-text -diff") == 1


def test_the_folders_are_the_projects(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("pyproject.toml").write_text(
        '[project]\nname = "app"\n[tool.harness]\nconfigs = "tests/cases"\nout = "build"\n'
    )
    inside = here / "src"
    inside.mkdir()
    shutil.copytree(DDPM, "src/model")
    monkeypatch.chdir(inside)
    assert main(["init", "model", "--ci", "github"]) == 0
    found = yaml.safe_load((here / "tests/cases/model.yaml").read_text())
    assert found["model"] == {"id": "../../src/model"}
    assert (here / ".gitignore").read_text() == "/build/\n"
    assert sorted(os.listdir()) == ["model"]
    assert "pip install . diffusers-goldens==" in (here / ".github/workflows/goldens.yml").read_text()


@pytest.mark.parametrize("service", ["github", "gitlab"])
def test_the_workflow_verifies(service: str) -> None:
    Path("requirements.txt").write_text("diffusers\n")
    assert main(["init", "--ci", service]) == 0
    path = {"github": ".github/workflows/goldens.yml", "gitlab": ".gitlab-ci.yml"}[service]
    found = yaml.load(Path(path).read_text(), Loader=yaml.BaseLoader)
    if service == "github":
        steps = found["jobs"]["verify"]["steps"]
        commands = [step["run"] for step in steps if "run" in step]
        assert "${{ hashFiles('configs/**') }}" in json.dumps(steps)
    else:
        commands = found["goldens"]["script"]
    install, verify = commands
    assert install.startswith("pip install -r requirements.txt diffusers-goldens==")
    assert verify == "harness verify --junit out/junit.xml"


@pytest.mark.parametrize(
    ("model", "complaint"),
    [
        (
            "builtin:nothing",
            "builtin:nothing: no such model; accepted: builtin:ddpm-digits, builtin:sd-digits",
        ),
        ("nothing", "nothing: no such model; accepted: a folder, a .safetensors file, a hub id"),
        (
            "empty",
            "empty: has no model_index.json, so nothing tells its pipeline; name its class with --pipeline",
        ),
        ("pickle.ckpt", "pickle.ckpt: not a .safetensors file; convert it"),
        ("other.safetensors", "other.safetensors: its tensors do not tell its pipeline"),
    ],
)
def test_what_is_no_model_is_told(model: str, complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("empty").mkdir()
    Path("pickle.ckpt").write_bytes(b"x")
    Path("other.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    assert main(["init", model]) == 2
    assert capsys.readouterr().err.startswith(f"error: {complaint}")
    assert not Path("configs").exists()


def test_an_unknown_class_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "org/model", "--pipeline", "StableDifusionPipeline"]) == 2
    assert "StableDiffusionPipeline" in capsys.readouterr().err


def test_what_cannot_be_derived_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "org/model", "--pipeline", "KandinskyPipeline"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(
        "error: KandinskyPipeline: no config can be derived that works; write one by hand."
    )
    assert "model.yaml: call.image_embeds: missing" in error
    assert not Path("configs").exists()
