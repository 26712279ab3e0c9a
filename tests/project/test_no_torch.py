"""Everything but the worker starts without torch, so that `harness --help` and `harness list` answer at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("accelerate", "diffusers", "scipy", "sklearn", "torch", "transformers")

# Looking a package up is allowed, running it is not. SystemExit gets past `except ImportError` and
# `except Exception`: a guarded import does not hide.
GUARD = f"""
import sys
from importlib.machinery import PathFinder

class Refusal:
    def create_module(self, spec):
        return None

    def exec_module(self, module):
        print("imported:", module.__name__, file=sys.stderr)
        raise SystemExit(77)

class Guard:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in {HEAVY!r}:
            return None
        spec = PathFinder.find_spec(name, path)
        spec.loader = Refusal()
        return spec

sys.meta_path.insert(0, Guard())
"""

IMPORT_EACH = """
import importlib, pkgutil
import harness

def light(package):
    for found in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        if found.name not in ("harness.worker", "harness.zoo.train", "harness.__main__"):
            module = importlib.import_module(found.name)
            print(found.name)
            if found.ispkg:
                light(module)

light(harness)
"""

RUN_COMMAND = """
import runpy, sys
sys.argv = ["harness", *sys.argv[1:]]
runpy.run_module("harness", run_name="__main__")
"""

CONFIG = """
pipeline: DDIMPipeline
model: {id: "builtin:ddpm-digits"}
steps: 2
"""


def guarded(script: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", GUARD + script, *arguments]
    return subprocess.run(command, cwd=cwd, text=True, capture_output=True, check=False)


def test_every_module_outside_the_worker_imports_without_torch(repo_root: Path) -> None:
    result = guarded(IMPORT_EACH, cwd=repo_root)
    assert result.returncode == 0, result.stderr
    imported = set(result.stdout.split())
    assert {
        "harness.cli",
        "harness.core.case",
        "harness.commands",
        "harness.golden",
        "harness.run",
    } <= imported
    assert not any(name.startswith(("harness.worker", "harness.zoo.train")) for name in imported)


@pytest.mark.parametrize("command", [["--help"], ["verify", "--help"], ["schema"]], ids=" ".join)
def test_command_runs_without_torch(repo_root: Path, command: list[str]) -> None:
    result = guarded(RUN_COMMAND, *command, cwd=repo_root)
    assert result.returncode == 0, result.stderr
    assert result.stdout


def test_list_runs_without_torch(repo_root: Path, tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/digits.yaml").write_text(CONFIG, encoding="utf-8")
    folders = ["--configs", str(tmp_path / "configs"), "--goldens", str(tmp_path / "goldens")]
    result = guarded(RUN_COMMAND, "list", *folders, cwd=repo_root)
    assert result.returncode == 0, result.stderr
    assert "digits" in result.stdout


@pytest.mark.parametrize("line", ["import torch", "try:\n    import torch\nexcept ImportError:\n    pass"])
def test_guard_notices(tmp_path: Path, line: str) -> None:
    result = guarded(line, cwd=tmp_path)
    assert (result.returncode, result.stderr) == (77, "imported: torch\n")
