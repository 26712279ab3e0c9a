"""Write a capture file: a run's outputs as safetensors, and the document that describes them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from harness.codec import to_json
from harness.core.capture import OUTPUT_PREFIX, SCHEMA_VERSION, CaptureDocument, Timings
from harness.core.case import Case, Values
from harness.core.environment import Environment
from harness.worker.outputs import Outputs


def write_capture(
    path: Path,
    case: Case,
    outputs: Outputs,
    environment: Environment,
    *,
    seconds: Timings,
    global_rngs: tuple[str, ...],
    filled_in: Values,
    commit: str | None,
    weights: Mapping[str, str],
    warnings: tuple[str, ...],
) -> None:
    """Write `outputs` to `path`, whole or not at all."""
    tensors = {f"{OUTPUT_PREFIX}{name}": _storable(tensor) for name, tensor in outputs.tensors.items()}
    text = {f"{OUTPUT_PREFIX}{name}": _encoded(value) for name, value in outputs.text.items()}
    tensors |= text
    document = CaptureDocument(
        schema=SCHEMA_VERSION,
        case=case.id,
        definition=case.definition(),
        digest=case.digest(),
        environment=environment,
        sha256={name: _sha256(tensor) for name, tensor in tensors.items()},
        seconds=seconds,
        text=tuple(text),
        absent=outputs.absent,
        global_rngs=global_rngs,
        filled_in=filled_in,
        commit=commit,
        weights=weights,
        warnings=warnings,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        save_file(tensors, partial, metadata={"harness": to_json(document)})
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _storable(tensor: torch.Tensor) -> torch.Tensor:
    # safetensors knows complex64 only; the real view keeps every bit of the others.
    other = tensor.is_complex() and tensor.dtype is not torch.complex64
    return torch.view_as_real(tensor).contiguous() if other else tensor


def _encoded(text: str) -> torch.Tensor:
    return torch.from_numpy(np.frombuffer(text.encode(), np.uint8).copy())


def _sha256(tensor: torch.Tensor) -> str:
    # reshape first: a 0-d tensor cannot be viewed as another dtype.
    return hashlib.sha256(tensor.reshape(-1).view(torch.uint8).numpy().data).hexdigest()
