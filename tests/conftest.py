"""What holds for every test: no network, own goldens and configs untouched, no GPU test without a GPU."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

REPO_ROOT = Path(__file__).resolve().parent.parent
GUARDED = ("goldens", "configs")

LONGEST_FIRST = (
    "tests/test_shipped.py",
    "tests/faults/test_faults.py",
    "tests/faults/test_forced.py",
    "tests/pipelines/test_every_family.py",
    "tests/outside/leaks/test_what_ran_before.py",
    "tests/hub/test_hub_cases.py",
    "tests/outside/leaks/test_any_order_from_the_command_line.py",
    "tests/run/test_forks.py",
    "tests/run/test_pool.py",
    "tests/commands/test_verify.py",
    "tests/commands/test_record.py",
    "tests/commands/test_weak_cases.py",
    "tests/report/page/test_in_a_browser.py",
    "tests/outside/test_one_golden_every_cpu.py",
    "tests/outside/test_standard_streams.py",
    "tests/worker/test_execute.py",
    "tests/worker/trace/test_shipped.py",
    "tests/test_readme.py",
    "tests/outside/test_a_worker_that_cannot_begin.py",
    "tests/outside/leaks/test_what_a_run_leaves_in_its_process.py",
    "tests/outside/test_from_any_folder_of_the_project.py",
    "tests/hub/test_hub_models.py",
)
"""The files that take longest: begun last, one of them would keep a process busy while the others have nothing left."""

os.environ["HF_HUB_OFFLINE"] = "1"

# What runs these tests is no part of what they look at.
for variable in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE"):
    os.environ.pop(variable, None)

# The same examples in every run, and no verdict that depends on how busy the machine is.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def repo_root() -> Path:
    """The root of the repository under test."""
    return REPO_ROOT


@pytest.fixture(scope="session", autouse=True)
def _repository_untouched() -> Iterator[None]:
    """Fail the run when a test wrote to, or removed, anything in the repository's goldens or configs."""
    before = fingerprint(REPO_ROOT)
    yield
    touched = sorted(path for path, _ in before.items() ^ fingerprint(REPO_ROOT).items())
    if touched:
        shown = "\n  ".join(touched)
        pytest.fail(
            f"tests touched files of the repository; let them write to tmp_path:\n  {shown}", pytrace=False
        )


def fingerprint(root: Path) -> dict[str, tuple[int, int]]:
    """Size in bytes and modification time in nanoseconds of every guarded file, by path relative to `root`."""
    files = [path for folder in GUARDED for path in (root / folder).rglob("*") if path.is_file()]
    return {str(path.relative_to(root)): _stamp(path) for path in files}


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first, and skip `gpu` tests where torch finds no CUDA device.

    That is asked once, in another process, if there is such a test.
    """
    place = {REPO_ROOT / name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: place.get(item.path, len(place)))
    gpu_items = [item for item in items if item.get_closest_marker("gpu")]
    if gpu_items and not _has_cuda():
        for item in gpu_items:
            item.add_marker(pytest.mark.skip(reason="torch finds no CUDA device here"))


def _has_cuda() -> bool:
    script = "import sys, torch; sys.exit(0 if torch.cuda.is_available() else 1)"
    return subprocess.run([sys.executable, "-c", script], check=False, capture_output=True).returncode == 0
