"""A recorded project that the tests of the commands share and copy."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.project import TWO_STEPS, Project
from tests.support.shared import made_once
from tests.support.starts.in_process import forking

UNSEEDED = TWO_STEPS.replace("seed: 0", "seed: null\ngenerator: none")


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with one seeded case and its golden, one unseeded case that could not be recorded.

    All processes of a test session share it.
    """
    return Project(made_once(tmp_path_factory.getbasetemp(), "recorded", _record))


def _record(folder: Path) -> None:
    project = Project(folder)
    project.config("ddim/two")
    project.config("unseeded", UNSEEDED)
    ran = project.harness("record", "--device", "cpu", "--jobs", "2")
    assert ran.code == 1, ran.out + ran.err


@pytest.fixture
def forked() -> Iterator[None]:
    """Commands in this process fork their workers from servers that the tests share."""
    with forking():
        yield


@pytest.fixture
def project(recorded: Project, tmp_path: Path) -> Project:
    """A copy of the recorded project."""
    folder = tmp_path / "project"
    shutil.copytree(recorded.folder, folder)
    return Project(folder)


GOLDEN = Path("goldens/ddim/two/cpu-x86_64.safetensors")
