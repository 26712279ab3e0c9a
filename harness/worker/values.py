"""Writes a value that a test holds in its own process as a capture, with the fingerprint of that process."""

from __future__ import annotations

from pathlib import Path

import torch

from harness.core.capture import Timings
from harness.core.case import Case
from harness.core.environment import Environment
from harness.worker.environment.determinism import read_back
from harness.worker.environment.fingerprint import environment, with_imported
from harness.worker.outputs import UnknownOutput, flatten
from harness.worker.record import write_capture


def write_value(path: Path, case: Case, value: object) -> Environment:
    """Write `value` (a tensor, an array, an image, text, numbers, or a container of these) to `path`.

    Tensors are stored in their own dtype, from whatever device they are on. The platform is that of the first tensor's
    device; a value without a tensor belongs to the CPU. Raises ValueError for what cannot be compared.
    """
    try:
        outputs = flatten(value)
    except UnknownOutput as error:
        raise ValueError(str(error)) from error
    here = with_imported(environment(_device(value), read_back()))
    write_capture(
        path,
        case,
        outputs,
        here,
        seconds=Timings(0.0, 0.0),
        global_rngs=(),
        filled_in={},
        commit=None,
        weights={},
        warnings=(),
    )
    return here


def _device(value: object) -> torch.device:
    if isinstance(value, torch.Tensor):
        return value.device
    parts = list(value.values()) if isinstance(value, dict) else value
    tensors = (
        (part for part in parts if isinstance(part, torch.Tensor)) if isinstance(parts, list | tuple) else ()
    )
    return next((part.device for part in tensors), torch.device("cpu"))
