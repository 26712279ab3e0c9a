"""Set every numeric switch that a case asks for, and read back what took effect."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

import torch

from harness.core.case import Attention, Determinism
from harness.core.environment import Switches
from harness.core.variables import decided_by, numeric_variables
from harness.worker.portable import proof


@dataclass(frozen=True, slots=True)
class _Backend:
    enable: Callable[[bool], None]
    enabled: Callable[[], bool]


_SDPA: Mapping[Attention, _Backend] = {
    Attention.MATH: _Backend(torch.backends.cuda.enable_math_sdp, torch.backends.cuda.math_sdp_enabled),
    Attention.FLASH: _Backend(torch.backends.cuda.enable_flash_sdp, torch.backends.cuda.flash_sdp_enabled),
    Attention.EFFICIENT: _Backend(
        torch.backends.cuda.enable_mem_efficient_sdp, torch.backends.cuda.mem_efficient_sdp_enabled
    ),
    Attention.CUDNN: _Backend(torch.backends.cuda.enable_cudnn_sdp, torch.backends.cuda.cudnn_sdp_enabled),
}


def apply(wished: Determinism, threads: int) -> None:
    """Set the switches for the next run; the parent sets the variables that torch reads at start-up.

    The SDPA flags are named after CUDA but select the CPU kernels as well (math and flash exist there).
    """
    torch.use_deterministic_algorithms(wished.algorithms)
    torch.backends.cudnn.benchmark = wished.cudnn_benchmark
    torch.backends.cudnn.deterministic = wished.cudnn_deterministic
    torch.set_float32_matmul_precision("high" if wished.tf32 else "highest")
    torch.backends.cuda.matmul.allow_tf32 = wished.tf32
    torch.backends.cudnn.allow_tf32 = wished.tf32
    for name, backend in _SDPA.items():
        backend.enable(wished.attention in (name, Attention.DEFAULT))
    torch.set_num_threads(threads)


def read_back() -> Switches:
    """The switches in effect now."""
    return Switches(
        deterministic_algorithms=torch.are_deterministic_algorithms_enabled(),
        cudnn_enabled=bool(torch.backends.cudnn.enabled),
        cudnn_benchmark=bool(torch.backends.cudnn.benchmark),
        cudnn_deterministic=bool(torch.backends.cudnn.deterministic),
        tf32_matmul=bool(torch.backends.cuda.matmul.allow_tf32),
        tf32_cudnn=bool(torch.backends.cudnn.allow_tf32),
        float32_matmul_precision=torch.get_float32_matmul_precision(),
        sdpa_backends=tuple(str(name) for name, backend in _SDPA.items() if backend.enabled()),
        threads=torch.get_num_threads(),
        interop_threads=torch.get_num_interop_threads(),
        cpu_capability=torch.backends.cpu.get_cpu_capability(),
        onednn=bool(torch.backends.mkldnn.is_available() and torch.backends.mkldnn.enabled),
        cublas_workspace=os.environ.get("CUBLAS_WORKSPACE_CONFIG"),
        variables=numeric_variables(os.environ, platform.machine()),
        portable=proof.is_in_effect(),
    )


def not_in_effect(wished: Determinism, threads: int, now: Switches) -> tuple[str, ...]:
    """The requested switches that did not take effect, one sentence each."""
    sdpa = (
        tuple(str(name) for name in _SDPA)
        if wished.attention is Attention.DEFAULT
        else (str(wished.attention),)
    )
    pairs = {
        "algorithms": (wished.algorithms, now.deterministic_algorithms),
        "cudnn_benchmark": (wished.cudnn_benchmark, now.cudnn_benchmark),
        "cudnn_deterministic": (wished.cudnn_deterministic, now.cudnn_deterministic),
        "tf32 (matmul)": (wished.tf32, now.tf32_matmul),
        "tf32 (cudnn)": (wished.tf32, now.tf32_cudnn),
        "attention": (sdpa, now.sdpa_backends),
        "threads": (threads, now.threads),
        "cublas_workspace": (wished.cublas_workspace, now.cublas_workspace),
    }
    sentences = tuple(
        f"determinism.{name}: {asked} was requested, {effective} is in effect"
        for name, (asked, effective) in pairs.items()
        if asked != effective
    )
    # If the CPU or software cannot be portable, nothing is lost: `harness env --portable` gives the reason.
    lost = wished.portable and not now.portable and proof.is_lost()
    return (
        (*sentences, f"determinism.portable is not in effect: {proof.why_not()}; {_SHOW}")
        if lost
        else sentences
    )


_SHOW = "see `harness env --portable`"


def overridden(callers: Mapping[str, str], device: str) -> tuple[str, ...]:
    """The caller's variables that a case overrides, one sentence each.

    `callers` has their values by name. Variables that only a GPU obeys are left out on any other `device`.
    """
    relevant = {
        name: value for name, value in callers.items() if device == "cuda" or not name.startswith("CUBLAS")
    }
    portable = proof.is_asked_for()
    return tuple(
        f"{name}={value} of the environment is overridden: {decided_by(name, portable=portable)} "
        + (f"makes it {os.environ[name]}" if name in os.environ else "unsets it")
        for name, value in sorted(relevant.items())
    )


def changed(before: Switches, after: Switches) -> tuple[str, ...]:
    """The switches that the pipeline changed while it ran, one sentence each."""
    pairs = {
        field.name: (getattr(before, field.name), getattr(after, field.name)) for field in fields(Switches)
    }
    return tuple(
        f"switch {name}: the pipeline changed it from {was} to {became} while it ran"
        for name, (was, became) in pairs.items()
        if was != became
    )


def set_interop_threads() -> None:
    """Pin inter-op parallelism to one thread; torch allows this only once, before its first parallel work."""
    torch.set_num_interop_threads(1)


def thread_count(wished: Determinism) -> int:
    """The case's thread count, or HARNESS_THREADS (checked by the parent) to judge another count."""
    return int(os.environ.get("HARNESS_THREADS") or wished.threads)
