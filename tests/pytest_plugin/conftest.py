"""A project in the folder of pytester, whose cases start no worker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

# Imported before pytester remembers what is: the patches of `pretend` would be lost with the modules.
import harness.pytest_plugin.session
from tests.support import pools
from tests.support.pretend import Pretend


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Pretend:
    """An empty project in the current folder."""
    assert harness.pytest_plugin.session.Goldens.NAME
    found = Pretend(pytester.path)
    pools.install(monkeypatch, found.outcome)
    monkeypatch.setattr("harness.trials.session.fingerprint", lambda *_given: found.here)
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    return found


@pytest.fixture
def recorded(project: Pretend) -> Pretend:
    """A project with two models: a family of two cases and a single one, all with goldens."""
    return with_goldens(project)


def with_goldens(project: Pretend) -> Pretend:
    """The project with three cases and their goldens."""
    base = CONFIG.replace("seed: 0\n", "")
    project.config("ddim/cpu", base + "tags: [smoke]\nmatrix: {seed: [0, 1]}\n")
    project.config("other", CONFIG + "tags: [very-slow]\n")
    assert project.record().code == 0
    project.runs.clear()
    return project


CONFIG = """\
pipeline: DDIMPipeline
model: {id: "builtin:ddpm-digits"}
steps: 2
seed: 0
trace: none
call: {output_type: np}
"""

Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester) -> Run:
    """Run pytest in the project's folder with these words, in this process."""

    def run(*words: str | Path) -> pytest.RunResult:
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", "--strict-markers", *words)

    return run
