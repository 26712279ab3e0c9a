"""Keep the fingerprints of recorded tensors, and their bytes if requested."""

from __future__ import annotations

import hashlib
import weakref
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import torch

from harness import files
from harness.core.trace import DIGEST_BYTES, SKETCH_SIZE, Slot
from harness.errors import StoreError
from harness.worker.trace.fingerprints import Fingerprints, fingerprints

_PENDING_BYTES = 32 * 2**20  # how much may be pending for one batch

_RECORD = np.dtype(
    [("digest", np.uint8, DIGEST_BYTES), ("norm", np.float64), ("sketch", np.float32, SKETCH_SIZE)]
)
"""What is kept of a tensor."""


@dataclass(frozen=True, slots=True)
class Spooled:
    """The file of kept bytes: its path, size and sha256."""

    path: Path
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Rows:
    """The records of all distinct tensors; `of_ticket` gives the row of each ticket.

    Digests uint8 [rows, 16], norms float64 [rows], sketches float32 [rows, 32], places int64 [rows].
    """

    of_ticket: np.ndarray
    digests: np.ndarray
    norms: np.ndarray
    sketches: np.ndarray
    places: np.ndarray
    spooled: Spooled | None


@dataclass(slots=True)
class _Waiting:
    ticket: int
    tensor: torch.Tensor
    keep: bool


class Ledger:
    """Accepts tensors and returns tickets; equal bits of one dtype and shape share one row.

    Tensors are copied and processed in batches on their own device, so that events do not delay a run. With a
    `spool`, the bytes of tensors to keep are written to that file immediately: memory stays bounded however long
    the run is.
    """

    def __init__(self, spool: Path | None) -> None:
        self._slots: list[Slot] = []
        self._kinds: dict[tuple[torch.dtype, torch.Size], Slot] = {}
        self._waiting: list[_Waiting] = []
        self._waiting_bytes = 0
        # Short byte strings, which Python keeps in a separate heap. Small long-lived arrays between short-lived large
        # tensors would fragment the allocator's heap, and the process would grow with every step.
        self._records: list[bytes] = []
        self._seen: dict[tuple[int, bool], tuple[weakref.ref[torch.Tensor], int, int]] = {}
        self._spool = _Spool(spool) if spool else None

    def add(self, tensor: torch.Tensor, *, keep: bool) -> int:
        """The ticket for the current content of `tensor`."""
        keep = keep and self._spool is not None
        key, version = (id(tensor), keep), _version(tensor)
        seen = self._seen.get(key)
        if seen is not None and seen[1] == version and seen[0]() is tensor:
            return seen[2]
        ticket = len(self._slots)
        self._slots.append(self._kind(tensor))
        self._records.append(b"")
        if version >= 0:
            self._seen[key] = weakref.ref(tensor), version, ticket
        copy = _copied(tensor)
        self._waiting.append(_Waiting(ticket, copy, keep))
        self._waiting_bytes += copy.nbytes
        if self._waiting_bytes > _PENDING_BYTES:
            self._look()
        return ticket

    def slot(self, ticket: int) -> Slot:
        """Dtype and shape of the ticket's tensor, as a slot without a name."""
        return self._slots[ticket]

    def _kind(self, tensor: torch.Tensor) -> Slot:
        kind = tensor.dtype, tensor.shape
        if kind not in self._kinds:
            self._kinds[kind] = Slot("", str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape))
        return self._kinds[kind]

    def abandon(self) -> None:
        """Close the spool; nothing can be added or finished afterwards."""
        if self._spool:
            self._spool.abandon()

    def finish(self) -> Rows:
        """Every tensor as rows; nothing can be added afterwards."""
        self._look()
        known: dict[tuple[Slot, bytes], int] = {}
        firsts: list[bytes] = []
        of_ticket = np.zeros(len(self._records), np.int32)
        for ticket, (slot, record) in enumerate(zip(self._slots, self._records, strict=True)):
            key = slot, record[:DIGEST_BYTES]
            if key not in known:
                known[key] = len(firsts)
                firsts.append(record)
            of_ticket[ticket] = known[key]
        table = np.frombuffer(b"".join(firsts), _RECORD)
        kept = self._spool.places if self._spool else {}
        return Rows(
            of_ticket,
            table["digest"].copy(),
            table["norm"].copy(),
            table["sketch"].copy(),
            np.array([kept.get(key, -1) for key in known], np.int64),
            self._spool.close() if self._spool else None,
        )

    def _look(self) -> None:
        """Take the fingerprints of all pending tensors, batched by device, dtype and size."""
        groups = defaultdict[tuple[torch.device, torch.dtype, int], list[_Waiting]](list)
        for one in self._waiting:
            groups[one.tensor.device, one.tensor.dtype, one.tensor.numel()].append(one)
        self._waiting, self._waiting_bytes = [], 0
        self._seen = {key: entry for key, entry in self._seen.items() if entry[0]() is not None}
        for group in groups.values():
            flat = [one.tensor.reshape(-1) for one in group]
            found = fingerprints(torch.stack(flat) if len(flat) > 1 else flat[0].unsqueeze(0))
            for one, record in zip(group, _packed(found), strict=True):
                self._records[one.ticket] = record
                if one.keep and self._spool:
                    self._spool.write((self._slots[one.ticket], record[:DIGEST_BYTES]), one.tensor)


class _Spool:
    """Writes the kept bytes of each distinct tensor once, as they arrive; raises StoreError if the disk refuses."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sha256 = hashlib.sha256()
        self._size = 0
        self.places: dict[tuple[Slot, bytes], int] = {}
        with self._refused():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: IO[bytes] = path.open("wb")

    def write(self, key: tuple[Slot, bytes], tensor: torch.Tensor) -> None:
        if key in self.places:
            return
        self.places[key] = self._size
        data = tensor.cpu().reshape(-1).view(torch.uint8).numpy().data
        with self._refused():
            self._file.write(data)
        self._sha256.update(data)
        self._size += data.nbytes

    def close(self) -> Spooled:
        with self._refused():
            self._file.close()
        return Spooled(self._path, self._size, self._sha256.hexdigest())

    def abandon(self) -> None:
        with suppress(OSError):  # data that could not be written is no longer needed
            self._file.close()

    @contextmanager
    def _refused(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            step = "free the space or grant the permission, or name another folder with --out"
            raise StoreError(
                f"{self._path}: the trace cannot be written ({files.reason(error)}); {step}"
            ) from error


def _packed(found: Fingerprints) -> list[bytes]:
    table = np.empty(len(found.norms), _RECORD)
    table["digest"] = found.digests.cpu().contiguous().numpy().view(np.uint8)
    table["norm"] = found.norms.cpu().numpy()
    table["sketch"] = found.sketches.cpu().numpy()
    return [record.tobytes() for record in table]


def _version(tensor: torch.Tensor) -> int:
    """How often the tensor was written to; -1 for tensors without a version counter."""
    try:
        return tensor._version
    except RuntimeError:  # made in inference mode
        return -1


def _copied(tensor: torch.Tensor) -> torch.Tensor:
    """A dense copy of the values, on a device with 64-bit arithmetic."""
    if tensor.requires_grad:
        tensor = tensor.detach()
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    if tensor.layout is not torch.strided:
        tensor = tensor.to_dense()
    if tensor.is_mps:  # has no float64
        tensor = tensor.cpu()
    # A clone also applies a lazy conjugation or negation.
    return tensor.clone(memory_format=torch.contiguous_format)
