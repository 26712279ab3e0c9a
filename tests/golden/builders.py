"""Cases, environments and capture files for tests, written by the safetensors library itself."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from safetensors.numpy import save_file

from harness.codec import to_json
from harness.core.capture import Acceptance, CaptureDocument, Timings
from harness.core.case import Case, ModelSpec
from harness.core.environment import Environment, Hardware, Software, Switches
from harness.core.history import Decision, Person

ACCEPTED = Acceptance("record", "2026-01-01T00:00:00+00:00", 2, "0.1.0")
"""What makes a capture a golden: `write_capture(..., accepted=ACCEPTED)`."""

DECISION = Decision(Person("Ann", "ann@example.org"), "2026-01-02T00:00:00+00:00", "the scheduler was fixed")
"""Who accepts, when and why."""

DTYPES = {
    "bool": np.bool_,
    "uint8": np.uint8,
    "int8": np.int8,
    "uint16": np.uint16,
    "int16": np.int16,
    "uint32": np.uint32,
    "int32": np.int32,
    "uint64": np.uint64,
    "int64": np.int64,
    "float8_e4m3fn": ml_dtypes.float8_e4m3fn,
    "float8_e5m2": ml_dtypes.float8_e5m2,
    "float8_e4m3fnuz": ml_dtypes.float8_e4m3fnuz,
    "float8_e5m2fnuz": ml_dtypes.float8_e5m2fnuz,
    "float16": np.float16,
    "bfloat16": ml_dtypes.bfloat16,
    "float32": np.float32,
    "float64": np.float64,
    "complex64": np.complex64,
}


def environment(platform: str = "cpu-x86_64", gpu: str | None = None, torch: str = "2.13.0") -> Environment:
    switches = Switches(
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
    hardware = Hardware(platform.partition("-")[0], "x86_64", "Vendor", "Model", gpu)
    return Environment(platform, hardware, Software("Linux", "3.11", packages={"torch": torch}), switches)


def a_case(case_id: str = "ddim/two", **changes: Any) -> Case:
    fields: dict[str, Any] = {
        "pipeline": "DDIMPipeline",
        "model": ModelSpec("builtin:ddpm-digits"),
        "steps": 2,
    }
    return Case(id=case_id, source=f"configs/{case_id}.yaml", base="configs", **(fields | changes))


def write_capture(
    path: Path,
    tensors: Mapping[str, Any],
    *,
    case: Case | None = None,
    env: Environment | None = None,
    text: Mapping[str, str] | None = None,
    **document: Any,
) -> Path:
    """A capture whose outputs are `tensors` and `text`, by name without `output/`."""
    case = case or a_case()
    arrays = {_stored(name): np.asarray(value) for name, value in tensors.items()}
    texts = {_stored(name): np.frombuffer(value.encode(), np.uint8) for name, value in (text or {}).items()}
    arrays |= texts
    digests = {name: hashlib.sha256(array.tobytes()).hexdigest() for name, array in arrays.items()}
    fields: dict[str, Any] = {
        "schema": 1,
        "case": case.id,
        "definition": case.definition(),
        "digest": case.digest(),
        "environment": env or environment(),
        "sha256": digests,
        "seconds": Timings(0.0, 1.0),
        "text": tuple(texts),
    }
    described = CaptureDocument(**(fields | document))
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(arrays, path, metadata={"harness": to_json(described)})
    return path


def _stored(name: str) -> str:
    return name if "/" in name else f"output/{name}"
