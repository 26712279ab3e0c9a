"""The words filled with harmless values, for tests that change one of them at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from harness.core.case import Case, ModelSpec
from harness.core.environment import Environment, Hardware, Software, Switches

SWITCHES = Switches(
    deterministic_algorithms=True,
    cudnn_enabled=True,
    cudnn_benchmark=False,
    cudnn_deterministic=True,
    tf32_matmul=False,
    tf32_cudnn=False,
    float32_matmul_precision="highest",
    sdpa_backends=("math",),
    threads=1,
    interop_threads=1,
    cpu_capability="AVX2",
    onednn=True,
    cublas_workspace=":4096:8",
)

ENVIRONMENT = Environment(
    platform="cpu-x86_64",
    hardware=Hardware("cpu", "x86_64", "GenuineIntel", "Xeon (6/85)"),
    software=Software("Linux 6.1", "3.11.9", packages={"torch": "2.13.0+cpu", "numpy": "2.1.0"}),
    switches=SWITCHES,
)


def case(**changes: Any) -> Case:
    """A case of the built-in digits with `changes`."""
    digits = Case(
        id="digits",
        source="configs/digits.yaml",
        base="/configs",
        pipeline="DDIMPipeline",
        model=ModelSpec("builtin:ddpm-digits"),
        steps=2,
    )
    return replace(digits, **changes)
