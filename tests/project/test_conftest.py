"""The shared conftest guards the repository's goldens and configs, and skips GPU tests for a reason."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import LONGEST_FIRST

FAKE_TORCH = "class cuda:\n    @staticmethod\n    def is_available():\n        return {there}\n"


@pytest.fixture
def project(repo_root: Path, tmp_path: Path) -> Path:
    """A project with the shared conftest, one golden and one config."""
    for folder in ("tests", "goldens/ddim", "configs"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(repo_root / "tests/conftest.py", tmp_path / "tests")
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    gpu\n", encoding="utf-8")
    (tmp_path / "goldens/ddim/cpu.safetensors").write_bytes(b"golden")
    (tmp_path / "configs/ddim.yaml").write_text("seed: 0\n", encoding="utf-8")
    return tmp_path


def run_pytest(
    project: Path, body: str, *options: str, torch: str | None = None
) -> subprocess.CompletedProcess[str]:
    (project / "tests/test_it.py").write_text(body, encoding="utf-8")
    if torch is not None:
        (project / "torch.py").write_text(torch, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-rs", "-p", "no:cacheprovider", *options, "tests"]
    return subprocess.run(command, cwd=project, text=True, capture_output=True, check=False)


def test_a_run_that_touches_nothing_passes(project: Path) -> None:
    body = "import os\n\ndef test(repo_root):\n    assert (repo_root / 'goldens').is_dir()\n"
    result = run_pytest(project, body + "    assert os.environ['HF_HUB_OFFLINE'] == '1'\n")
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("action", "file"),
    [
        (
            "(repo_root / 'goldens/ddim/cpu.safetensors').write_bytes(b'gulden')",
            "goldens/ddim/cpu.safetensors",
        ),
        ("(repo_root / 'goldens/ddim/cpu.safetensors').unlink()", "goldens/ddim/cpu.safetensors"),
        ("(repo_root / 'goldens/new.safetensors').write_bytes(b'')", "goldens/new.safetensors"),
        ("(repo_root / 'configs/ddim.yaml').write_text('seed: 1')", "configs/ddim.yaml"),
    ],
    ids=["changed golden", "removed golden", "new golden", "changed config"],
)
def test_a_run_that_touches_the_repository_fails(project: Path, action: str, file: str) -> None:
    result = run_pytest(project, f"def test(repo_root):\n    {action}\n")
    assert result.returncode == 1
    assert "tests touched files of the repository; let them write to tmp_path:" in result.stdout
    assert file in result.stdout


def test_the_longest_files_are_there_and_come_first(project: Path, repo_root: Path) -> None:
    assert [name for name in LONGEST_FIRST if not (repo_root / name).is_file()] == []
    for name in ("tests/test_a.py", *LONGEST_FIRST[:2]):
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text("def test() -> None: ...\n")
    told = run_pytest(project, "def test() -> None: ...\n", "-v").stdout
    places = [told.index(f"{name}::test") for name in (*LONGEST_FIRST[:2], "tests/test_a.py")]
    assert places == sorted(places)


GPU_TEST = "import pytest\n\n@pytest.mark.gpu\ndef test_gpu():\n    pass\n"


def test_gpu_test_is_skipped_without_a_device(project: Path) -> None:
    result = run_pytest(project, GPU_TEST, torch=FAKE_TORCH.format(there=False))
    assert "1 skipped" in result.stdout
    assert "torch finds no CUDA device here" in result.stdout


def test_gpu_test_runs_on_a_device(project: Path) -> None:
    result = run_pytest(project, GPU_TEST, torch=FAKE_TORCH.format(there=True))
    assert "1 passed" in result.stdout


def test_torch_is_not_asked_without_gpu_tests(project: Path) -> None:
    asked = project / "asked"
    result = run_pytest(project, "def test():\n    pass\n", torch=f"open({str(asked)!r}, 'w').close()\n")
    assert "1 passed" in result.stdout
    assert not asked.exists()
