"""The layers hold, and each contract of import-linter fails when it is broken."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    script = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    command = [sys.executable, "-c", script, "--no-cache"]
    return subprocess.run(command, cwd=folder, text=True, capture_output=True, check=False)


@pytest.fixture
def copy(repo_root: Path, tmp_path: Path) -> Path:
    """The project's Python files alone, free to be broken."""
    wanted = shutil.ignore_patterns("*.safetensors", "*.json", "__pycache__")
    shutil.copytree(repo_root / "harness", tmp_path / "harness", ignore=wanted)
    shutil.copy(repo_root / "pyproject.toml", tmp_path)
    return tmp_path


@dataclass(frozen=True, slots=True)
class Planted:
    """An import that must not be, and what import-linter says about it."""

    file: str
    line: str
    contract: str
    found: str


PLANTED = (
    Planted(
        "core/case.py",
        "import harness.codec",
        "Each layer imports only layers below it",
        "harness.core is not allowed to import harness.codec",
    ),
    Planted(
        "judge/__init__.py",
        "import harness.run",
        "Each layer imports only layers below it",
        "harness.judge is not allowed to import harness.run",
    ),
    Planted(
        "worker/__init__.py",
        "import harness.config",
        "Each layer imports only layers below it",
        "harness.worker is not allowed to import harness.config",
    ),
    Planted(
        "newcomer/__init__.py",
        "",
        "Each layer imports only layers below it",
        "- harness.newcomer",
    ),
    Planted(
        "config/nodes.py",
        "import harness.config.validation",
        "No circle of files or folders, inside a layer either",
        "harness.config",
    ),
    Planted(
        "golden/sidecar.py",
        "import harness.golden.calibrations",
        "No circle of files or folders, inside a layer either",
        "harness.golden",
    ),
    Planted(
        "run/__init__.py",
        "import harness.worker",
        "Nobody imports what runs as a process of its own",
        "- harness.run -> harness.worker",
    ),
    Planted(
        "cli.py",
        "import harness.worker",
        "Nobody imports what runs as a process of its own",
        "- harness.cli -> harness.worker",
    ),
    Planted(
        "zoo/__init__.py",
        "import harness.zoo.train",
        "Nobody imports what runs as a process of its own",
        "- harness.zoo -> harness.zoo.train",
    ),
    Planted(
        "golden/__init__.py",
        "import torch",
        "Only worker and zoo training import torch, diffusers and their kin",
        "harness is not allowed to import torch",
    ),
    Planted(
        "commands/__init__.py",
        "def late():\n    import diffusers",
        "Only worker and zoo training import torch, diffusers and their kin",
        "harness is not allowed to import diffusers",
    ),
    Planted(
        "errors.py",
        "import pydantic",
        "The words need nothing but the standard library",
        "harness.errors is not allowed to import pydantic",
    ),
)


def test_contracts_are_kept(repo_root: Path) -> None:
    result = lint_imports(repo_root)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "5 kept, 0 broken" in result.stdout


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: f"{planted.file}: {planted.line}")
def test_planted_import_breaks_the_contract(copy: Path, planted: Planted) -> None:
    file = copy / "harness" / planted.file
    file.parent.mkdir(exist_ok=True)
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    file.write_text(f"{text}\n{planted.line}\n", encoding="utf-8")
    result = lint_imports(copy)
    output = " ".join(result.stdout.split())
    assert result.returncode == 1, result.stdout + result.stderr
    assert f"{planted.contract} BROKEN" in output
    assert planted.found in output


@pytest.mark.parametrize("module", ["core", "errors"])
def test_words_import_the_standard_library_only(repo_root: Path, module: str) -> None:
    """The contract names packages one by one; this holds for those it does not name."""
    files = [*(repo_root / "harness" / module).glob("*.py"), *(repo_root / "harness").glob(f"{module}.py")]
    assert files
    imported = {name for file in files for name in imported_packages(file.read_text(encoding="utf-8"))}
    assert imported <= sys.stdlib_module_names | {"harness"}


def imported_packages(source: str) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found
