"""A disk that fills up while a pipeline runs: `broken` only where the pipeline itself wanted the space."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from diffusers import DDIMPipeline

from harness.core.capture import Lost, Outcome, Raised
from harness.core.case import Determinism
from harness.core.messages import Job
from harness.core.trace import TraceLevel
from harness.worker.execute import JobRunner
from tests.core.samples import case

ROOT = Path(__file__).resolve().parents[2]


class Catching(DDIMPipeline):
    """Goes on whatever happens, and returns something."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().__call__(*args, **kwargs)
        except Exception:
            return {"images": torch.zeros(2)}


class Wrapping(DDIMPipeline):
    """Calls every failure by another name."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().__call__(*args, **kwargs)
        except Exception as error:
            raise RuntimeError("the denoising failed") from error


class Scratching(DDIMPipeline):
    """Wants space of its own and gets none."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with open("/dev/full", "wb") as file:
            file.write(bytes(10**6))


@pytest.fixture(autouse=True)
def _exported(monkeypatch: pytest.MonkeyPatch) -> None:
    # Tensors are written as they come, not at the end of so small a run.
    monkeypatch.setattr("harness.worker.trace.ledger._PENDING_BYTES", 0)
    for kind in (Catching, Wrapping, Scratching):
        monkeypatch.setattr(diffusers, kind.__name__, kind, raising=False)


def run(folder: Path, pipeline: str, *, full: bool = True) -> Outcome:
    job = Job(
        case(
            id="digits",
            pipeline=pipeline,
            determinism=Determinism(cublas_workspace=None),
            call={"output_type": "np"},
        ),
        str(folder / "capture.safetensors"),
        TraceLevel.FULL,
    )
    if full:
        Path(job.spool).symlink_to("/dev/full")
    return JobRunner(torch.device("cpu"), lambda _: None).run(job)


@pytest.mark.parametrize("pipeline", ["DDIMPipeline", "Catching", "Wrapping"])
def test_a_trace_that_finds_no_space_is_an_error_that_names_the_file(tmp_path: Path, pipeline: str) -> None:
    outcome = run(tmp_path, pipeline)
    assert isinstance(outcome, Lost), outcome
    assert outcome.reason.startswith(
        f"{tmp_path}/capture.safetensors.bits.tmp: the trace cannot be written (No space"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "captures").write_bytes(b"")
    outcome = run(tmp_path / "captures" / "digits", "DDIMPipeline", full=False)
    assert isinstance(outcome, Lost), outcome
    assert "captures/digits" in outcome.reason
    assert "Not a directory" in outcome.reason


def test_a_tensor_that_the_recorder_cannot_take_is_no_fault_of_the_pipeline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_memory(_: object) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr("harness.worker.trace.ledger._copied", out_of_memory)
    outcome = run(tmp_path, "DDIMPipeline", full=False)
    assert isinstance(outcome, Lost), outcome
    assert "could not be recorded (RuntimeError: out of memory)" in outcome.reason


def test_a_pipeline_that_finds_no_space_for_its_own_files_raised(tmp_path: Path) -> None:
    outcome = run(tmp_path, "Scratching", full=False)
    assert isinstance(outcome, Raised), outcome
    assert os.strerror(errno.ENOSPC) in outcome.message


PRINTS = """
import sys
from harness.worker.serving.channel import Channel
Channel()
for _ in range(1000):
    print("x" * 100)
    print("y" * 100, file=sys.stderr)
raise SystemExit(7)
"""


def test_a_log_that_finds_no_space_does_not_make_a_pipeline_fail_that_prints(tmp_path: Path) -> None:
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    reading, writing = os.pipe()  # the end of its input would end the process
    with (tmp_path / "log").open("wb") as log:
        done = subprocess.run(
            [sys.executable, "-c", PRINTS],
            stdin=reading,
            stdout=subprocess.DEVNULL,
            stderr=log,
            cwd=ROOT,
            preexec_fn=limited,
            check=False,
        )
    os.close(reading)
    os.close(writing)
    assert done.returncode == 7
    assert (tmp_path / "log").stat().st_size == 4096
