"""Recording changes no bit of the output of any case in the repository."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from harness.config.load import load_cases
from harness.core.capture import Completed
from harness.core.case import Case, GeneratorKind
from harness.core.messages import Job
from harness.core.trace import TraceLevel
from harness.golden.header import read_document
from harness.worker.execute import JobRunner
from tests.conftest import REPO_ROOT


@cache
def shipped() -> dict[str, Case]:
    found = load_cases(REPO_ROOT / "configs").cases
    return {case.id: case for case in found if not case.id.startswith("hub/")}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("captures")
    return SimpleNamespace(
        runner=JobRunner(torch.device("cpu"), lambda _: None), path=folder / "capture.safetensors"
    )


def digests(bench: Any, case: Case, level: TraceLevel) -> dict[str, str]:
    """The sha256 of every output."""
    outcome = bench.runner.run(Job(case, str(bench.path), level))
    assert isinstance(outcome, Completed), outcome
    found = read_document(bench.path).sha256
    assert any(name.startswith("trace/") for name in found) == (level is not TraceLevel.NONE)
    assert [file.name for file in bench.path.parent.iterdir()] == ["capture.safetensors"]
    return {name: digest for name, digest in found.items() if name.startswith("output/")}


@pytest.mark.parametrize("name", shipped())
@pytest.mark.parametrize(
    "level",
    [
        TraceLevel.FULL,
        pytest.param(TraceLevel.COMPONENTS, marks=pytest.mark.slow),
        pytest.param(TraceLevel.MODULES, marks=pytest.mark.slow),
    ],
)
def test_recording_changes_no_bit_of_the_output(
    level: TraceLevel, name: str, bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    case = shipped()[name]
    plain, recorded = (digests(bench, case, one) for one in (TraceLevel.NONE, level))
    assert recorded.keys() == plain.keys()
    assert recorded == plain or case.generator is GeneratorKind.NONE  # two runs differ anyway


def test_a_forced_replay_says_that_it_is_one(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """By that it is told from a run of the case, and becomes no golden."""
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    case = shipped()["ddim/cpu-generator"]
    golden = bench.path.with_name("golden.safetensors")
    for path, replayed in ((golden, None), (bench.path, str(golden))):
        outcome = bench.runner.run(Job(case, str(path), TraceLevel.FULL, replayed))
        assert isinstance(outcome, Completed), outcome
        assert read_document(path).forced is (replayed is not None)
    golden.unlink()
