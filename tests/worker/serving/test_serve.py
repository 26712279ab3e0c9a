"""A worker without its device says so and answers every job; `tests/run/test_execute.py` covers those with one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from harness.codec import from_json, to_json
from harness.core.capture import Unavailable
from harness.core.messages import Finished, Job, Ready, Reply
from tests.core.samples import case


def served(device: str, log: Path, *jobs: Job) -> tuple[list[Reply], int]:
    """What a worker on `device` says to `jobs`, hearing each reply before the next, and its exit code."""
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "harness.worker", device],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=sink,
        )
    assert process.stdin is not None
    assert process.stdout is not None
    with process, process.stdin as jobs_in:
        assert process.stdout.readline() == b"\n"
        replies = [from_json(Reply, process.stdout.readline())]  # type: ignore[arg-type]
        for job in jobs:
            jobs_in.write(to_json(job).encode() + b"\n")
            jobs_in.flush()
            replies.append(from_json(Reply, process.stdout.readline()))  # type: ignore[arg-type]
    return replies, process.returncode  # type: ignore[return-value]


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_a_device_that_cannot_be_had_makes_every_job_unavailable(tmp_path: Path) -> None:
    job = Job(case(), str(tmp_path / "capture.safetensors"))
    (ready, *answers), code = served("cuda", tmp_path / "log", job, job)
    assert isinstance(ready, Ready)
    assert ready.environment is None
    assert ready.reason.startswith("cuda: torch ")
    assert answers == [Finished(Unavailable(ready.reason))] * 2
    assert code == 0
