"""What a device does to a run is told from what the pipeline does, and ends as an error that names the next step."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from harness.core.capture import Lost, Raised
from harness.core.case import Determinism, GeneratorKind
from harness.core.messages import Job
from harness.worker.environment.device_errors import device_problem
from harness.worker.execute import JobRunner
from tests.core.samples import case
from tests.support.project import TWO_STEPS, Project, patch_of
from tests.worker import fakes

# As torch 2.11 words it.
FULL = (
    "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 139.81 GiB of which 9.50 GiB is "
    "free. Process 7 has 130.31 GiB memory in use."
)
ADVICE = "free it, or use a smaller dtype, `memory: {offload: model}` or `memory: {attention_slicing: max}`"
AGAIN = "run again; if it stays, set CUDA_LAUNCH_BLOCKING=1 to see which operation it is"


@pytest.mark.parametrize(
    ("error", "short"),
    [
        (torch.cuda.OutOfMemoryError(FULL), "OutOfMemoryError: CUDA out of memory"),
        (MemoryError(), "MemoryError"),
        (
            RuntimeError("CUDA error: out of memory\nCUDA kernel errors might"),
            "RuntimeError: CUDA error: out of memory",
        ),
        (
            RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
            "RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        ),
        (
            RuntimeError(
                "[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory"
            ),
            "RuntimeError: [enforce fail at alloc_cpu.cpp:124] err == 0",
        ),
    ],
    ids=["class", "host", "runtime", "cublas", "cpu"],
)
def test_full_memory(error: Exception, short: str) -> None:
    assert device_problem(error) == f"the memory of the device is full ({short}); {ADVICE}"


@pytest.mark.parametrize(
    "words",
    [
        "CUDA error: unspecified launch failure",
        "CUDA error: an illegal memory access was encountered",
        "CUDA error: uncorrectable ECC error encountered",
        "CUDA error: CUDA-capable device(s) is/are busy or unavailable",
        "CUDA error: no CUDA-capable device is detected",
        "CUDA error: unknown error",
        "CUDA error: no kernel image is available for execution on the device",
        "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR",
    ],
)
def test_a_device_that_disappears(words: str) -> None:
    error = RuntimeError(
        f"{words}\nCUDA kernel errors might be asynchronously reported at some other API call."
    )
    assert device_problem(error) == f"the device failed (RuntimeError: {words}); {AGAIN}"


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA error: device-side assert triggered"),
        ValueError("CUDA error: unspecified launch failure is what I print"),
        RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
        IndexError("index out of range in self"),
    ],
    ids=["an index that a kernel checks", "another type", "shapes", "index"],
)
def test_what_the_pipeline_does_is_not_the_devices_doing(error: Exception) -> None:
    assert device_problem(error) == ""


def test_it_is_found_below_the_error_that_a_pipeline_makes_of_it() -> None:
    try:
        try:
            raise torch.cuda.OutOfMemoryError(FULL)
        except RuntimeError:
            raise ValueError("the VAE could not decode")  # noqa: B904 - as pipelines do
    except ValueError as error:
        wrapped = error
    assert device_problem(wrapped).startswith("the memory of the device is full (OutOfMemoryError: ")


def test_errors_that_name_each_other_end() -> None:
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    assert device_problem(one) == ""


class Full(fakes.Digits):
    """Needs more memory than there is; with `assert`, fails as a kernel that checks an index."""

    def __call__(self, text: str) -> object:
        if text == "assert":
            raise RuntimeError("CUDA error: device-side assert triggered")
        raise torch.cuda.OutOfMemoryError(FULL)


@pytest.mark.parametrize(("text", "kind"), [("memory", Lost), ("assert", Raised)])
def test_a_run_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, kind: type) -> None:
    import diffusers

    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    monkeypatch.setattr(diffusers, "Full", Full, raising=False)
    switches = Determinism(cublas_workspace=None)
    full = case(
        pipeline="Full", steps=None, generator=GeneratorKind.NONE, call={"text": text}, determinism=switches
    )
    runner = JobRunner(torch.device("cpu"), lambda _: None)

    outcome = runner.run(Job(full, str(tmp_path / "capture.safetensors")))

    assert isinstance(outcome, kind)
    if isinstance(outcome, Lost):
        assert outcome.reason.startswith("the memory of the device is full (OutOfMemoryError: ")
        assert outcome.log[-1].startswith("torch.OutOfMemoryError: CUDA out of memory.")
        # With next steps of its own it would count as a class that cannot be imported, and keep its worker.
        assert outcome.next_steps == ()


RUNS_OUT = """
import os
original = module.DDIMPipeline.__call__
def call(self, *args, **kwargs):
    with open(os.environ["TRACES"], "a") as file:
        file.write(f"{os.getpid()}\\n")
    if kwargs["generator"].initial_seed() == 1:
        import torch
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
    return original(self, *args, **kwargs)
module.DDIMPipeline.__call__ = call
"""


def test_full_memory_is_an_error_and_the_next_case_gets_a_worker_of_its_own(tmp_path: Path) -> None:
    project = Project(tmp_path)
    for seed in range(3):
        project.config(f"seed-{seed}", TWO_STEPS.replace("seed: 0", f"seed: {seed}"))
    assert project.harness("record", "--device", "cpu").code == 0
    workers = tmp_path / "workers"
    module = "diffusers.pipelines.ddim.pipeline_ddim"
    full = project.patch(patch_of(module, RUNS_OUT)).with_variables(TRACES=str(workers))

    ran = full.harness("verify", "--device", "cpu", "--jobs", "1")

    assert ran.code == 3
    assert project.verdicts() == {"seed-0": "identical", "seed-1": "error", "seed-2": "identical"}
    first, second, third = workers.read_text().split()
    assert (first == second, second == third) == (True, False)
    [lost] = [one for one in project.report()["cases"] if one["verdict"] == "error"]
    assert lost["reason"].startswith(
        "the memory of the device is full (OutOfMemoryError: CUDA out of memory)"
    )
