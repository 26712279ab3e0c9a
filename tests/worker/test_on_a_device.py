"""What must hold on every device: runs repeat, offloading keeps the result, and captures need little memory.

The tests that the CPU can run too are slow there; they show that the tests themselves work.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.core.capture import CaptureDocument, Completed, Lost, Outcome
from harness.core.case import (
    Case,
    Determinism,
    GeneratorKind,
    Memory,
    ModelSpec,
    Offload,
    SchedulerSpec,
    Variant,
)
from harness.core.messages import Job
from harness.core.trace import TraceLevel
from harness.golden.header import read_document
from harness.trials.bitwise import compare_files
from harness.worker.execute import JobRunner
from harness.worker.trace.ledger import Ledger
from tests.core.samples import case
from tests.support.project import ROOT, TWO_STEPS, Project

DEVICES = [pytest.param("cpu", marks=pytest.mark.slow), pytest.param("cuda", marks=pytest.mark.gpu)]

SWITCHES = Determinism(cublas_workspace=":4096:8")


@pytest.fixture(autouse=True)
def _workspace(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # Before CUDA starts in this process: cuBLAS reads it once.
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    yield
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def latents(**changes: Any) -> Case:
    """Three steps of Stable Diffusion, the latents."""
    defaults = {
        "pipeline": "StableDiffusionPipeline",
        "model": ModelSpec("builtin:sd-digits"),
        "scheduler": SchedulerSpec("DDIMScheduler"),
        "steps": 3,
        "call": {"prompt": "a handwritten seven", "output_type": "latent"},
        "determinism": SWITCHES,
    }
    return case(**{**defaults, **changes})


def outcome(folder: Path, device: str, one: Case, level: TraceLevel = TraceLevel.NONE) -> Outcome:
    """What comes of a run in a process that has run nothing else."""
    index = torch.device(device, 0) if device == "cuda" else torch.device(device)
    folder.mkdir(exist_ok=True)
    return JobRunner(index, lambda _: None).run(Job(one, str(folder / "capture.safetensors"), level))


def captured(folder: Path, device: str, one: Case, level: TraceLevel = TraceLevel.NONE) -> CaptureDocument:
    """The document of the capture."""
    found = outcome(folder, device, one, level)
    assert isinstance(found, Completed), found
    return read_document(folder / "capture.safetensors")


def apart(one: Path, other: Path) -> float:
    """The largest rel_l2 between two captures."""
    tensors = compare_files(one / "capture.safetensors", other / "capture.safetensors")
    return max(float(tensor.metrics.get("rel_l2") or 0.0) for tensor in tensors)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("generator", [GeneratorKind.CPU, GeneratorKind.DEVICE])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_two_runs_agree_bit_for_bit_with_everything_recorded(
    tmp_path: Path, device: str, generator: GeneratorKind, dtype: str
) -> None:
    one = latents(generator=generator, model=ModelSpec("builtin:sd-digits", dtype=dtype))
    first, second = (captured(tmp_path / name, device, one, TraceLevel.FULL) for name in ("first", "second"))
    assert first.sha256 == second.sha256
    assert first.warnings == ()
    assert first.environment.platform.startswith(device)


@pytest.mark.parametrize("device", DEVICES)
def test_the_recorder_changes_no_bit(tmp_path: Path, device: str) -> None:
    names = {level: captured(tmp_path / level, device, latents(), level) for level in TraceLevel}
    outputs = {level: document.sha256["output/images"] for level, document in names.items()}
    assert len(set(outputs.values())) == 1, outputs


@pytest.mark.gpu
@pytest.mark.parametrize("offload", [Offload.MODEL, Offload.SEQUENTIAL])
def test_offloading_changes_no_bit(tmp_path: Path, offload: Offload) -> None:
    captured(tmp_path / "plain", "cuda", latents())
    captured(tmp_path / "offloaded", "cuda", latents(variant=Variant(memory=Memory(offload=offload))))
    assert apart(tmp_path / "plain", tmp_path / "offloaded") == 0.0


@pytest.mark.gpu
def test_a_generator_on_the_gpu_gives_other_noise_than_one_on_the_cpu(tmp_path: Path) -> None:
    captured(tmp_path / "cpu", "cuda", latents())
    captured(tmp_path / "device", "cuda", latents(generator=GeneratorKind.DEVICE))
    assert apart(tmp_path / "cpu", tmp_path / "device") > 0.1


@pytest.mark.gpu
def test_a_generator_on_the_cpu_gives_nearly_what_the_cpu_computes(tmp_path: Path) -> None:
    captured(tmp_path / "cpu", "cpu", latents())
    captured(tmp_path / "cuda", "cuda", latents())
    assert apart(tmp_path / "cpu", tmp_path / "cuda") < 1e-3


@pytest.mark.parametrize("name", ["cublas_workspace", "tf32", "cudnn_benchmark", "algorithms"])
@pytest.mark.parametrize("device", DEVICES)
def test_every_switch_is_read_back(tmp_path: Path, device: str, name: str) -> None:
    # The workspace is that of this process; another one must be reported as not in effect.
    value = ":16:8" if name == "cublas_workspace" else not getattr(SWITCHES, name)
    wished = replace(SWITCHES, **{name: value})
    document = captured(tmp_path / "run", device, latents(determinism=wished))
    switches = document.environment.switches
    if name == "cublas_workspace":
        assert document.warnings == (
            "determinism.cublas_workspace: :16:8 was requested, :4096:8 is in effect",
        )
    else:
        assert document.warnings == ()
        assert value in (
            {"tf32": switches.tf32_matmul, "cudnn_benchmark": switches.cudnn_benchmark}.get(
                name, switches.deterministic_algorithms
            ),
        )


@pytest.mark.gpu
def test_memory_that_is_full_is_an_error_and_the_gpu_is_usable_afterwards(tmp_path: Path) -> None:
    # The text alone, repeated for each picture, is larger than any GPU.
    call = {"prompt": "seven", "num_images_per_prompt": 50_000_000, "output_type": "latent"}
    huge = latents(generator=GeneratorKind.DEVICE, call=call)
    found = outcome(tmp_path / "huge", "cuda", huge)
    assert isinstance(found, Lost)
    assert found.reason.startswith("the memory of the device is full (OutOfMemoryError: CUDA out of memory")
    captured(tmp_path / "next", "cuda", latents())


@pytest.mark.gpu
def test_what_is_recorded_never_doubles_the_peak() -> None:
    big = torch.rand(64, 2**20, device="cuda")  # 256 MiB
    ledger = Ledger(None)
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    for row in range(64):
        ledger.add(big[row], keep=False)
    ledger.finish()
    # 32 MiB wait, are stacked once more, and have 64-bit intermediates; all 64 rows would be 256 MiB.
    assert torch.cuda.max_memory_allocated() - before < 800 * 2**20


@pytest.mark.gpu
def test_a_run_on_the_cpu_leaves_the_gpu_alone(tmp_path: Path) -> None:
    script = (
        "import sys, torch\n"
        "from pathlib import Path\n"
        "from tests.worker.test_on_a_device import captured, latents\n"
        "captured(Path(sys.argv[1]), 'cpu', latents())\n"
        "print(torch.cuda.is_initialized())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "run"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split()[-1] == "False"


@pytest.mark.parametrize("device", DEVICES)
def test_from_the_command_line(tmp_path: Path, device: str) -> None:
    project = Project(tmp_path)
    project.config("digits", TWO_STEPS)
    assert project.harness("record", "--device", device).code == 0
    assert project.harness("verify", "--device", device, "--forced").code == 0
    assert project.verdicts() == {"digits": "identical"}
    [golden] = (tmp_path / "goldens/digits").glob("*.safetensors")
    assert golden.name.startswith("cuda-sm" if device == "cuda" else "cpu-")
