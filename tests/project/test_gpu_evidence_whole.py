"""The evidence from a GPU, all of it, on the CPU: where only torch and transformers are installed, without an index.

HARNESS_MACHINE names the Python of such an environment; without it, one is made, which takes a package index. So does
filling the folder of wheels, unless HARNESS_WHEELS names one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from scripts.evidence import packing
from scripts.evidence.stages import STAGES
from scripts.gpu_requirements import pinned
from tests.support.project import ROOT

MOST_FILES = 8
"""How many files are brought from a machine."""

NOWHERE = {
    "PIP_NO_INDEX": "1",
    "PIP_FIND_LINKS": "",
    "http_proxy": "http://127.0.0.1:9",
    "https_proxy": "http://127.0.0.1:9",
}
"""Whoever asks for something outside gets nothing."""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a machine with torch and transformers alone."""
    if there := os.environ.get("HARNESS_MACHINE"):
        return Path(there)
    folder = tmp_path_factory.mktemp("machine")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin/python"
    packages = [f"{name}=={pinned()[name]}" for name in ("torch", "transformers")]
    subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
    return python


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that is brought along."""
    if there := os.environ.get("HARNESS_WHEELS"):
        return Path(there)
    folder = tmp_path_factory.mktemp("wheels") / "wheels"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    variables = {**os.environ, "PYTHON": sys.executable, "PYTHON_VERSION": version}
    subprocess.run([ROOT / "scripts/gpu_wheels.sh", folder], env=variables, check=True)
    return folder


def evidence(tmp_path: Path, machine: Path, wheels: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The script on the CPU."""
    places = {"OUT": str(tmp_path / "out"), "WORK": str(tmp_path / "work")}
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return subprocess.run(
        [ROOT / "scripts/gpu_evidence.sh", "--device", "cpu", "--short", *words],
        env={**clean, **NOWHERE, **places, "PYTHON": str(machine), "WHEELS": str(wheels)},
        capture_output=True,
        text=True,
        check=False,
    )


def packages(python: Path) -> str:
    """What is installed for a Python."""
    script = "from importlib.metadata import distributions as all; print(sorted((d.name, d.version) for d in all()))"
    return subprocess.run([python, "-c", script], check=True, capture_output=True, text=True).stdout


@pytest.mark.slow
def test_every_stage_without_a_gpu_and_without_an_index(tmp_path: Path, machine: Path, wheels: Path) -> None:
    before = packages(machine)
    assert "'diffusers'" not in before

    done = evidence(tmp_path, machine, wheels, "--seconds", "3000")

    assert done.returncode == 0, done.stdout + done.stderr
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert [(name, stage["state"]) for name, stage in summary["stages"].items()] == [
        (name, "complete") for name in STAGES
    ]
    tables = {(name, title) for name, stage in summary["stages"].items() for title in stage["tables"]}
    assert tables == {
        ("goldens", "goldens"),
        ("goldens", "calibrations"),
        ("goldens", "sensitivities"),
        ("distances", "generator on the device against one on the CPU"),
        ("distances", "against the CPU's goldens"),
        ("distances", "boundary by boundary"),
        ("latents", "fifty steps twice"),
        ("switches", "ddim/cpu-generator"),
        ("speed", "levels, small"),
        ("speed", "verify, small"),
        ("tests", "what only a GPU can do"),
        ("tests", "pytest -m gpu"),
    }
    # The machine's own packages computed it, and are as they were.
    assert packages(machine) == before
    installed = list((tmp_path / "work/venv").rglob("site-packages/*"))
    assert any(path.name == "diffusers" for path in installed)
    assert not any(path.name in ("torch", "transformers", "numpy") for path in installed)
    assert summary["stages"]["goldens"]["environment"]["torch"].startswith(pinned()["torch"])
    _check_files(tmp_path / "out")

    again = evidence(tmp_path, machine, wheels, "--stage", "latents", "--seconds", "600")

    assert again.returncode == 0, again.stdout + again.stderr
    assert "installing" not in again.stderr
    assert "goldens: complete" in again.stdout


def _check_files(out: Path) -> None:
    files = sorted(out.iterdir())
    assert {"summary.json", "summary.txt", "logs.tar.gz", "goldens-1.tar.gz"} <= {path.name for path in files}
    assert len(files) <= MOST_FILES
    assert all(path.stat().st_size <= packing.MOST for path in files)
    with tarfile.open(out / "goldens-1.tar.gz") as archive:
        names = archive.getnames()
    assert "configs/gpu/ddim-latents.yaml" in names
    recorded = [name for name in names if name.startswith("goldens/ddim/cpu-generator/")]
    assert sorted(name.partition(".")[2] for name in recorded) == [
        "calibration.json",
        "safetensors",
        "sensitivity.json",
    ]


@pytest.mark.slow
def test_a_stage_whose_time_is_over_stops_and_says_so(tmp_path: Path, machine: Path, wheels: Path) -> None:
    done = evidence(tmp_path, machine, wheels, "--stage", "switches", "--seconds", "8")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "switches: out of time after" in done.stderr
    assert (
        json.loads((tmp_path / "out/summary.json").read_text())["stages"]["switches"]["state"]
        == "out of time"
    )
