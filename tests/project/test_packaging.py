"""What a user installs: the wheel holds the whole package, and the pins fit the declared ranges."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import harness

# torch pins these itself, one set per CUDA version.
PINNED_BY_TORCH = ("cuda-", "nvidia-", "triton")
# What another name provides to import, and what comes with a declared dependency as its own other half.
IMPORT_NAMES = {
    "PIL": "pillow", "sklearn": "scikit-learn", "yaml": "pyyaml", "pydantic_core": "pydantic", "xdist": "pytest-xdist",
}  # fmt: skip


@pytest.fixture(scope="module")
def project(repo_root: Path) -> dict[str, object]:
    return tomllib.loads((repo_root / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def wheel(repo_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--quiet"]
    command = [sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", str(folder), str(repo_root)]
    result = subprocess.run(command, text=True, capture_output=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    (built,) = folder.glob("*.whl")
    return built


def pins(repo_root: Path, *names: str) -> dict[str, Version]:
    lines = [line for name in names for line in (repo_root / "requirements" / name).read_text().splitlines()]
    found = [
        re.fullmatch(r"([A-Za-z0-9._-]+)==([0-9][^+\s]*)", line) for line in lines if line[0] not in "#-"
    ]
    assert all(found), "requirements/ holds exact versions only, without a local part"
    return {canonicalize_name(pin[1]): Version(pin[2]) for pin in found}


def test_wheel_is_named_after_the_package(wheel: Path) -> None:
    assert wheel.name == f"diffusers_goldens-{harness.__version__}-py3-none-any.whl"


def test_wheel_holds_the_whole_package_and_nothing_else(wheel: Path, repo_root: Path) -> None:
    wanted = {
        str(path.relative_to(repo_root))
        for path in (repo_root / "harness").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert held == wanted
    assert "harness/zoo/ddpm-digits/unet/diffusion_pytorch_model.safetensors" in held


def test_models_in_the_wheel_have_their_locked_hashes(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    lock = json.loads(archive.read("harness/zoo/zoo.lock.json"))
    for model, files in lock.items():
        for file, digest in files.items():
            assert hashlib.sha256(archive.read(f"harness/zoo/{model}/{file}")).hexdigest() == digest


def test_wheel_brings_the_command_and_the_licence(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    info = f"diffusers_goldens-{harness.__version__}.dist-info"
    assert "harness = harness.__main__:main" in archive.read(f"{info}/entry_points.txt").decode()
    assert (
        "[pytest11]\ndiffusers-goldens = harness.pytest_plugin"
        in archive.read(f"{info}/entry_points.txt").decode()
    )
    assert b"Apache License" in archive.read(f"{info}/licenses/LICENSE")
    described = archive.read(f"{info}/METADATA").decode()
    assert "License-Expression: Apache-2.0" in described
    assert "Requires-Python: >=3.11" in described


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of an environment with the wheel installed; what the wheel needs comes from this one."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin/python"
    options = ["--no-deps", "--no-index", "--disable-pip-version-check", "--quiet"]
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", *options, str(wheel)]
    subprocess.run(pip, check=True)
    paths = sysconfig.get_paths(vars={"base": str(folder), "platbase": str(folder)})
    # A path in a .pth file does not have its own .pth files read, so this checkout is not on it.
    Path(paths["purelib"], "needed.pth").write_text(sysconfig.get_paths()["purelib"])
    return folder / "bin"


def run_installed(command: list[str | Path], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


OWN = 'pipeline: DDIMPipeline\nmodel: {id: "builtin:ddpm-digits"}\nsteps: 1\ncall: {output_type: np}\n'


def test_wheel_is_small(wheel: Path) -> None:
    assert wheel.stat().st_size <= 12_000_000


def test_installed_alone_it_knows_its_models(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/own.yaml").write_text(OWN)
    place = run_installed([installed / "python", "-c", "import harness; print(harness.__file__)"], tmp_path)
    assert Path(place.stdout.strip()).is_relative_to(installed.parent)
    for command in ([installed / "harness"], [installed / "python", "-m", "harness"]):
        listed = run_installed([*command, "list", "--quiet", "--json", "-"], tmp_path)
        assert (listed.returncode, listed.stderr) == (0, "")
        assert [(one["case"], one["absent"]) for one in json.loads(listed.stdout)["cases"]] == [("own", [])]
    assert run_installed([installed / "harness", "completion", "bash"], tmp_path).returncode == 0


@pytest.mark.slow
def test_installed_alone_it_records_and_verifies(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/own.yaml").write_text(OWN)
    for command in (["record", "--no-gates"], ["verify"]):
        done = run_installed([installed / "harness", *command], tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "out/report.json").read_text())
    assert report["summary"] == {"identical": 1}


def test_pins_are_exact_and_unique(repo_root: Path) -> None:
    runtime, dev = pins(repo_root, "runtime.txt"), pins(repo_root, "dev.txt")
    assert not runtime.keys() & dev.keys()
    assert "-r runtime.txt" in (repo_root / "requirements/dev.txt").read_text().splitlines()


def test_pins_fit_the_declared_ranges(repo_root: Path, project: dict[str, object]) -> None:
    runtime, everything = pins(repo_root, "runtime.txt"), pins(repo_root, "runtime.txt", "dev.txt")
    extras = project["optional-dependencies"]
    for declared, pinned in (
        (project["dependencies"], runtime),
        (extras["dev"] + extras["pytest"] + extras["zoo"], everything),
    ):
        for requirement in map(Requirement, declared):
            name = canonicalize_name(requirement.name)
            if name != "diffusers-goldens":
                assert name in pinned, f"{name} has no pin in requirements/"
                assert pinned[name] in requirement.specifier, (
                    f"{name}: the pin is outside {requirement.specifier}"
                )


@pytest.mark.parametrize("files", [("runtime.txt",), ("runtime.txt", "dev.txt")], ids=["runtime", "dev"])
def test_pins_are_complete(repo_root: Path, files: tuple[str, ...]) -> None:
    """Whatever a pinned package needs is pinned as well: two installations never differ."""
    pinned = pins(repo_root, *files)
    needed = {name: parent for parent in pinned for name in required_by(parent)}
    missing = {name: parent for name, parent in needed.items() if name not in pinned}
    assert missing == {}, "needed by a pinned package, but without a pin"


def required_by(name: str) -> set[str]:
    requirements = [Requirement(text) for text in metadata.requires(name) or []]
    names = {
        canonicalize_name(requirement.name)
        for requirement in requirements
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    }
    return {name for name in names if not name.startswith(PINNED_BY_TORCH)}


def test_what_the_code_imports_is_declared(repo_root: Path, project: dict[str, object]) -> None:
    extras = [item for name in ("pytest", "video", "zoo") for item in project["optional-dependencies"][name]]
    declared = {canonicalize_name(Requirement(text).name) for text in [*project["dependencies"], *extras]}
    used = {
        canonicalize_name(IMPORT_NAMES.get(package, package))
        for file in (repo_root / "harness").rglob("*.py")
        for package in third_party_imports(file)
    }
    assert used <= declared


def third_party_imports(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found - sys.stdlib_module_names - {"harness"}
