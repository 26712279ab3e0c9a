"""A model's folder is data: code in it never runs, pickles in it are never opened, and nothing leads out of it."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness import zoo

WEIGHTS = "diffusion_pytorch_model.safetensors"


class Bomb:
    """What a hostile pickle holds: reading it writes the file `marker`."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return Path.write_text, (self.marker, "ran")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A copy of a small model."""
    return Path(shutil.copytree(zoo.model_dir("ddpm-digits"), tmp_path / "model"))


@pytest.fixture
def outer(tmp_path: Path) -> Path:
    """A model of which one component is a pipeline itself, in a folder `inner`."""
    folder = tmp_path / "model"
    shutil.copytree(zoo.model_dir("ddpm-digits"), folder / "inner")
    index = {
        "_class_name": "DDIMPipeline",
        "unet": ["diffusers", "UNet2DModel"],
        "scheduler": ["diffusers", "DDIMScheduler"],
        "inner": ["diffusers", "DDIMPipeline"],
    }
    for name in ("unet", "scheduler"):
        shutil.copytree(folder / "inner" / name, folder / name)
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


def refused(folder: Path) -> str:
    """Why the folder is refused, before anything of it is loaded."""
    from diffusers import DiffusionPipeline

    from harness.core.case import ModelSpec
    from harness.worker.model_files import models
    from harness.worker.rejection import Rejection

    with pytest.raises(Rejection) as caught:
        models.locate(ModelSpec("model"), folder.parent, pipeline_class=DiffusionPipeline)
    return caught.value.message


@pytest.mark.parametrize(
    "name",
    [
        "None.py",
        "pipeline.py",
        "unet/diffusers.py",
        "unet/modeling_own.py",
        "unet/deeper/layers.py",
        "scheduler/scheduler.PY",
    ],
)
def test_python_files_are_refused_by_name(model: Path, name: str) -> None:
    (model / name).parent.mkdir(exist_ok=True)
    (model / name).write_text("raise SystemExit")
    message = refused(model)
    assert f"{name} is Python code" in message or f"is defined in its own {name}" in message
    assert "code from a model's folder is never run; " in message


@pytest.mark.parametrize("name", ["None.py", "unet/diffusers.py"])
def test_python_files_of_a_pipeline_inside_are_refused(outer: Path, name: str) -> None:
    (outer / "inner" / name).write_text("raise SystemExit")
    assert f"{name} is Python code" in refused(outer)


@pytest.mark.parametrize("suffix", [".bin", ".pt", ".ckpt", ".pth", ".pkl"])
def test_pickles_of_a_pipeline_inside_are_refused(outer: Path, suffix: str) -> None:
    path = outer / "inner" / "unet" / WEIGHTS
    path.with_suffix(suffix).write_bytes(pickle.dumps(Bomb(outer.parent / "marker")))
    path.unlink()
    assert "offers weights only as pickle" in refused(outer)
    assert not (outer.parent / "marker").exists()


def test_a_pipeline_inside_needs_all_of_its_weights(outer: Path) -> None:
    (outer / "inner" / "unet" / WEIGHTS).write_bytes(b"cut short")
    assert f"unet/{WEIGHTS} is damaged" in refused(outer)


@pytest.mark.parametrize(
    "shard", ["../../stolen.safetensors", "/etc/passwd", "weights.bin", "a/b.safetensors"]
)
def test_an_index_of_shards_names_safetensors_files_beside_it_only(model: Path, shard: str) -> None:
    (model / "unet" / "weights.bin").write_bytes(pickle.dumps(Bomb(model.parent / "marker")))
    index = {"weight_map": {"conv_in.weight": shard}}
    (model / "unet" / f"{WEIGHTS}.index.json").write_text(json.dumps(index))
    assert f"unet/{WEIGHTS}.index.json names {shard}, " in refused(model)


@pytest.mark.parametrize("name", ["unet/config.json", f"unet/{WEIGHTS}", "notes.txt"])
def test_links_that_leave_the_folder_are_refused(model: Path, name: str) -> None:
    elsewhere = model.parent / "elsewhere"
    if (model / name).exists():
        shutil.move(model / name, elsewhere)
    else:
        elsewhere.write_text("secret")
    (model / name).symlink_to(elsewhere)
    assert refused(model).startswith(f"{name} leads out of the model's folder; ")


def test_a_component_that_is_a_link_out_of_the_folder_is_refused(model: Path) -> None:
    shutil.move(model / "unet", model.parent / "elsewhere")
    (model / "unet").symlink_to(model.parent / "elsewhere")
    assert "leads out of the model's folder" in refused(model)


@pytest.mark.parametrize("to", [".", "../model"])
def test_a_component_that_is_a_link_to_its_own_model_is_refused(model: Path, to: str) -> None:
    (model / "inner").symlink_to(to)
    index = json.loads((model / "model_index.json").read_text())
    index["inner"] = ["diffusers", "DDPMPipeline"]
    (model / "model_index.json").write_text(json.dumps(index))
    assert refused(model).startswith("inner is a link to a folder that contains it; ")


def test_a_folder_called_as_those_of_the_cache_is_no_way_out(model: Path) -> None:
    inside = model.parent / "snapshots" / "model"
    inside.parent.mkdir()
    shutil.move(model, inside)
    shutil.move(inside / "unet" / WEIGHTS, model.parent / WEIGHTS)
    (inside / "unet" / WEIGHTS).symlink_to(model.parent / WEIGHTS)
    assert refused(inside).startswith(f"unet/{WEIGHTS} leads out of the model's folder; ")


def test_a_snapshot_of_the_hubs_cache_may_be_named_as_a_folder(tmp_path: Path) -> None:
    from diffusers import DiffusionPipeline

    from harness.core.case import ModelSpec
    from harness.worker.model_files import models

    blobs, snapshot = tmp_path / "repo/blobs", tmp_path / "repo/snapshots" / ("a" * 40)
    blobs.mkdir(parents=True)
    for number, path in enumerate(sorted(zoo.model_dir("ddpm-digits").rglob("*.*"))):
        place = snapshot / path.relative_to(zoo.model_dir("ddpm-digits"))
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, blobs / str(number))
        place.symlink_to(os.path.relpath(blobs / str(number), place.parent))
    spec = ModelSpec(str(snapshot))
    assert models.locate(spec, tmp_path, pipeline_class=DiffusionPipeline).path == snapshot


def test_weights_that_an_adapter_takes_from_elsewhere_are_refused(model: Path) -> None:
    (model / "unet" / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "/elsewhere"}))
    assert refused(model).startswith("unet/adapter_config.json loads weights from another place; ")


# Under the oldest diffusers that we allow, which runs `None.py`, and under any that finds a way we don't know

PROGRAM = """
import sys
from pathlib import Path
import diffusers
from diffusers import DiffusionPipeline
from harness.core.case import ModelSpec
from harness.worker import models
from harness.worker.rejection import Rejection
from harness.worker.model_files.sealed import sealed

assert diffusers.__version__ == sys.argv[2], diffusers.__version__
folder = Path(sys.argv[1])
try:
    models.locate(ModelSpec("model"), folder.parent, pipeline_class=DiffusionPipeline)
except Rejection as error:
    print("refused:", error.message)
try:
    with sealed("model.id", "model"):
        DiffusionPipeline.from_pretrained(str(folder))
except Rejection as error:
    print("sealed:", error.message)
assert not (folder.parent / "ran").exists()
try:
    DiffusionPipeline.from_pretrained(str(folder))
except Exception as error:
    print(type(error).__name__)
print("without the harness:", "runs" if (folder.parent / "ran").exists() else "does not run")
"""
CODE = "from pathlib import Path\nPath({!r}).write_text('ran')\n"


@pytest.mark.network
@pytest.mark.parametrize(
    ("version", "beside"),
    [("0.35.0", ("transformers==4.57.3", "huggingface_hub==0.36.0", "tokenizers==0.22.1")), ("0.35.2", ())],
)
@pytest.mark.parametrize("name", ["None.py", "unet/diffusers.py"])
def test_the_oldest_diffusers_runs_what_the_harness_does_not(
    model: Path, version: str, beside: tuple[str, ...], name: str
) -> None:
    site = model.parent / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site)]
    installed = subprocess.run(
        [*install, f"diffusers=={version}", *beside], check=False, capture_output=True, text=True
    )
    if installed.returncode:
        pytest.skip(f"the package index does not give diffusers {version}: {installed.stderr[-200:]}")
    (model / name).write_text(CODE.format(str(model.parent / "ran")))
    environment = {
        **os.environ,
        "PYTHONPATH": str(site),
        "HF_HOME": str(model.parent / "home"),
        "HF_HUB_OFFLINE": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(model), version],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("refused: "), lines
    assert name in lines[0], lines
    assert lines[1].startswith("sealed: it asks for its own Python code"), lines
    assert lines[-1] == "without the harness: runs", lines
