"""Write a capture file: a run's outputs and trace as safetensors, and the document that describes them."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from harness import files
from harness.codec import to_json
from harness.core import trace
from harness.core.capture import (
    OUTPUT_PREFIX,
    SCHEMA_VERSION,
    CaptureDocument,
    LoadedFile,
    ProcessKind,
    Timings,
)
from harness.core.case import Case, Values
from harness.core.environment import Environment
from harness.golden.header import Header, TensorInfo, header_bytes
from harness.worker.outputs import Outputs
from harness.worker.trace.recorder import Recorded


@dataclass(frozen=True, slots=True)
class _Entry:
    """One tensor of the file: its bytes, in memory or in a separate file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    content: memoryview | Path
    size: int
    sha256: str


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
    recorded: Recorded | None = None,
    perturbed: int | None = None,
    forced: bool = False,
    files: Mapping[str, LoadedFile] | None = None,
    process: ProcessKind = "spawned",
) -> None:
    """Write `outputs`, and the trace if there is one, to `path`, completely or not at all.

    Kept tensors of the trace are copied from their spool file and never held in memory.
    """
    text = {f"{OUTPUT_PREFIX}{name}": _encoded(value) for name, value in outputs.text.items()}
    tensors = {f"{OUTPUT_PREFIX}{name}": tensor for name, tensor in outputs.tensors.items()} | text
    entries = [_of_tensor(name, tensor) for name, tensor in tensors.items()]
    entries += _of_trace(recorded) if recorded else []
    # safetensors allows no gaps, and readers need every tensor aligned to its dtype: large item sizes first.
    entries.sort(key=lambda entry: (-_item_size(entry), entry.name))
    document = CaptureDocument(
        schema=SCHEMA_VERSION,
        case=case.id,
        definition=case.definition(),
        digest=case.digest(),
        environment=environment,
        sha256={entry.name: entry.sha256 for entry in entries},
        seconds=seconds,
        text=tuple(text),
        absent=outputs.absent,
        global_rngs=global_rngs,
        filled_in=filled_in,
        commit=commit,
        weights=weights,
        warnings=warnings,
        perturbed=perturbed,
        process=process,
        forced=forced,
        files=files or {},
    )
    _write(path, document, entries)


def _write(path: Path, document: CaptureDocument, entries: list[_Entry]) -> None:
    with files.replacing(path, durable=False) as file:
        file.write(header_bytes(Header(document, dict(_placed(entries)))))
        for entry in entries:
            if isinstance(entry.content, Path):
                with entry.content.open("rb") as source:
                    shutil.copyfileobj(source, file, 2**20)
            else:
                file.write(entry.content)


def _placed(entries: list[_Entry]) -> Iterator[tuple[str, TensorInfo]]:
    start = 0
    for entry in entries:
        yield entry.name, TensorInfo(entry.name, entry.dtype, entry.shape, start, start + entry.size)
        start += entry.size


def _item_size(entry: _Entry) -> int:
    return int(getattr(torch, entry.dtype).itemsize)


def _of_trace(recorded: Recorded) -> list[_Entry]:
    rows = recorded.rows
    arrays = {
        trace.EVENTS: _text(to_json(recorded.index)),
        trace.STRUCTURE: _text(to_json(recorded.structure)),
        trace.ORDER: recorded.order,
        trace.ROWS: recorded.slots,
        trace.DIGESTS: rows.digests,
        trace.NORMS: rows.norms,
        trace.SKETCHES: rows.sketches,
        trace.PLACES: rows.places,
    }
    entries = [_of_tensor(name, torch.from_numpy(array)) for name, array in arrays.items()]
    if spooled := rows.spooled:
        size = spooled.size
        entries.append(_Entry(trace.BITS, "uint8", (size,), spooled.path, size, spooled.sha256))
    return entries


def _of_tensor(name: str, tensor: torch.Tensor) -> _Entry:
    if tensor.is_complex() and tensor.dtype is not torch.complex64:
        # safetensors supports only complex64; the real view keeps every bit of the others.
        tensor = torch.view_as_real(tensor)
    # Reshape first: a 0-d tensor cannot be viewed as another dtype. Nor can one without elements, whose strides
    # may be 0.
    flat = tensor.contiguous().reshape(-1)
    content = flat.view(torch.uint8).numpy().data if flat.numel() else memoryview(b"")
    dtype = str(tensor.dtype).removeprefix("torch.")
    digest = hashlib.sha256(content).hexdigest()
    return _Entry(name, dtype, tuple(tensor.shape), content, content.nbytes, digest)


def _encoded(text: str) -> torch.Tensor:
    return torch.from_numpy(_text(text))


def _text(text: str) -> np.ndarray:
    return np.frombuffer(text.encode(), np.uint8).copy()
