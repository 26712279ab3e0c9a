"""Read the trace in a capture or golden file, and say how far two recorded tensors lie apart."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from harness.codec import first_problem, from_json
from harness.core.trace import (
    BITS,
    DIGEST_BYTES,
    DIGESTS,
    EVENTS,
    NORMS,
    ORDER,
    PLACES,
    ROWS,
    SKETCH_SIZE,
    SKETCHES,
    STRUCTURE,
    TRACE_VERSION,
    Event,
    Signature,
    Slot,
    Structure,
    TraceIndex,
)
from harness.errors import UnreadableGolden
from harness.golden.header import cannot_open, unreadable
from harness.golden.tensors import TensorFile, numpy_dtype

if TYPE_CHECKING:
    from io import FileIO

T = TypeVar("T")
Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class _Versioned:
    """The part of a TraceIndex that all versions share."""

    version: int = TRACE_VERSION


class Trace:
    """The trace of one file: its events in order of their start, and what is known about each tensor.

    `digests` is uint8 [rows, DIGEST_BYTES], `norms` float64 [rows], `sketches` float32 [rows, SKETCH_SIZE]
    and `places` int64 [rows], where a row is one distinct tensor. The file is opened again and stays open as
    long as this object lives, so that `bits` reads the same bytes even after the file was replaced.
    """

    def __init__(self, file: TensorFile) -> None:
        self.path = file.path
        self.index = _json(file, EVENTS, TraceIndex)
        self.structure = _json(file, STRUCTURE, Structure)
        self.digests = _table(file, DIGESTS, "uint8", DIGEST_BYTES)
        rows = len(self.digests)
        self.norms = _table(file, NORMS, "float64", rows=rows)
        self.sketches = _table(file, SKETCHES, "float32", SKETCH_SIZE, rows=rows)
        self.places = (
            _table(file, PLACES, "int64", rows=rows)
            if PLACES in file.tensors
            else np.full(rows, -1, dtype=np.int64)
        )
        _check_slots(file, self.index)
        _check_structure(file, self.structure)
        self.events = _events(file, self.index, rows)
        self._bits = (file.tensors[BITS].start, file.tensors[BITS].stop) if BITS in file.tensors else (0, 0)
        self._file = _opened(file.path)
        weakref.finalize(self, self._file.close)

    def class_of(self, component: str) -> str:
        """The qualified class name of a component; "" for the pipeline's own events and unknown ones."""
        return self.index.classes.get(component, "")

    def raw(self, row: int, slot: Slot) -> bytes | None:
        """The little-endian bytes of the tensor in `row`, which has the dtype and shape of `slot`.

        None if they were not kept, or have a dtype that numpy lacks. Raises UnreadableGolden if the
        file does not hold that many.
        """
        place, dtype = int(self.places[row]), _known_dtype(slot.dtype)
        if place < 0 or dtype is None:
            return None
        start, size = self._bits[0] + place, prod(slot.shape) * dtype.itemsize
        if start + size > self._bits[1]:
            raise damaged(self.path, BITS, f"row {row} ends after the last byte")
        try:
            self._file.seek(start)
            raw = self._file.read(size)
        except OSError as error:
            raise cannot_open(self.path, error) from error
        if len(raw) != size:
            raise unreadable(self.path, "ends early (it was truncated while it was read)")
        return raw

    def bits(self, row: int, slot: Slot) -> Array | None:
        """The tensor in `row` with the dtype and shape of `slot`, otherwise as `raw`; read-only."""
        raw = self.raw(row, slot)
        return None if raw is None else np.frombuffer(raw, numpy_dtype(slot.dtype)).reshape(slot.shape)

    def same(self, row: int, other: Trace, other_row: int) -> bool:
        """Whether the two tensors have the same bits."""
        return bool((self.digests[row] == other.digests[other_row]).all())

    def equal(self, rows: Sequence[int] | Array, other: Trace, other_rows: Sequence[int] | Array) -> Array:
        """Whether the tensors have the same bits, pair by pair: bool [pairs]."""
        pairs = self.digests[_index(rows)] == other.digests[_index(other_rows)]
        return np.asarray(pairs.all(axis=1))

    def distance(self, row: int, other: Trace, other_row: int) -> float:
        """Like `distances`, for one pair; this trace is the golden's."""
        return float(self.distances([row], other, [other_row])[0])

    def distances(
        self, rows: Sequence[int] | Array, other: Trace, other_rows: Sequence[int] | Array
    ) -> Array:
        """An estimate of rel_l2 = |now - golden|₂ / |golden|₂ pair by pair; this trace is the golden's.

        float64 [pairs]: 0 for the same bits, else the distance of the sketches over the golden's norm, with
        a standard error of 25 % (see SKETCH_SIZE) and a floor near 1e-7 from the float32 of the sketches.
        Infinite if the golden is all zero or a side is not finite.
        """
        ours, theirs = _index(rows), _index(other_rows)
        with np.errstate(all="ignore"):
            apart = self.sketches[ours].astype(np.float64) - other.sketches[theirs]
            relative = np.sqrt(np.square(apart).sum(axis=1)) / self.norms[ours]
        # The sketch treats non-finite values as zero; the norm reveals them.
        finite = np.isfinite(self.norms[ours]) & np.isfinite(other.norms[theirs])
        relative[~(finite & np.isfinite(relative))] = np.inf
        relative[self.equal(ours, other, theirs)] = 0.0
        return np.asarray(relative)


def read_trace(file: TensorFile) -> Trace | None:
    """The trace in `file`, None if it has none that this version can compare.

    Raises UnreadableGolden for a damaged one.

    Everything but the kept tensors is read and verified against its sha256.
    """
    if EVENTS not in file.tensors or other_version(file) is not None:
        return None
    return Trace(file)


def other_version(file: TensorFile) -> int | None:
    """The version of a trace in `file` that this harness cannot compare; None if there is no such trace."""
    if EVENTS not in file.tensors:
        return None
    version = _json(file, EVENTS, _Versioned).version
    return None if version == TRACE_VERSION else version


def damaged(path: Path, name: str, what: str) -> UnreadableGolden:
    """The error for the trace's tensor `name` that contradicts itself or the others."""
    return unreadable(path, f"has a damaged trace ({name}: {what})")


def _known_dtype(name: str) -> np.dtype[Any] | None:
    try:
        return numpy_dtype(name)
    except (TypeError, AttributeError):
        return None


def _index(rows: Sequence[int] | Array) -> Array:
    return np.asarray(rows, dtype=np.int64)


def _opened(path: Path) -> FileIO:
    try:
        return path.open("rb", buffering=0)
    except OSError as error:
        raise cannot_open(path, error) from error


def _raw(file: TensorFile, name: str) -> bytes:
    if name not in file.tensors:
        raise damaged(file.path, name, "missing")
    return b"".join(bytes(piece) for piece in file.raw(name))


def _json(file: TensorFile, name: str, kind: type[T]) -> T:
    try:
        return from_json(kind, _raw(file, name))
    except ValidationError as error:
        raise damaged(file.path, name, first_problem(error)) from error


def _table(
    file: TensorFile, name: str, dtype: str, width: int | None = None, rows: int | None = None
) -> Array:
    """The tensor `name` [rows] or [rows, width], with dtype and shape checked."""
    raw = _raw(file, name)
    info = file.tensors[name]
    columns = () if width is None else (width,)
    expected = (info.shape[0] if info.shape and rows is None else rows, *columns)
    if info.dtype != dtype or info.shape != expected:
        raise damaged(file.path, name, f"{info}, expected {dtype} {[*expected]}")
    return np.frombuffer(raw, dtype=numpy_dtype(dtype)).reshape(info.shape)


def _events(file: TensorFile, index: TraceIndex, rows: int) -> tuple[Event, ...]:
    order, slots = _table(file, ORDER, "int32", 4), _table(file, ROWS, "int32")
    _check_order(file, index, order)
    counts = [len(entry.inputs) + len(entry.outputs) for entry in index.signatures]
    if sum(counts[signature] for signature in order[:, 0]) != len(slots):
        raise damaged(file.path, ROWS, "not as many as the events' slots")
    if len(slots) and (slots.min() < 0 or slots.max() >= rows):
        raise damaged(file.path, ROWS, f"a row outside of the {rows}")
    return tuple(_built(index, order.tolist(), slots.tolist()))


def _check_slots(file: TensorFile, index: TraceIndex) -> None:
    for signature in index.signatures:
        for slot in (*signature.inputs, *signature.outputs):
            if any(size < 0 for size in slot.shape):
                raise damaged(
                    file.path, EVENTS, f"{signature.name} has {slot.name} {slot}, which is not a tensor"
                )


def _check_structure(file: TensorFile, structure: Structure) -> None:
    known = len(structure.attributes)
    for name, component in structure.components.items():
        if not all(0 <= number < known for number in component.modules.values()):
            raise damaged(file.path, STRUCTURE, f"{name} refers to missing attributes")


def _check_order(file: TensorFile, index: TraceIndex, order: Array) -> None:
    signature, count, parent, values = order.T
    fine = (signature >= 0) & (signature < len(index.signatures)) & (count >= 0)
    fine &= (parent >= -1) & (parent < np.arange(len(order)))
    fine &= (values >= -1) & (values < len(index.values))
    if not fine.all():
        raise damaged(file.path, ORDER, f"event {int(fine.argmin())} refers to something missing")


def _built(index: TraceIndex, order: list[list[int]], slots: list[int]) -> list[Event]:
    events, start = [], 0
    for number, count, parent, values in order:
        signature: Signature = index.signatures[number]
        middle = start + len(signature.inputs)
        stop = middle + len(signature.outputs)
        inputs, outputs = tuple(slots[start:middle]), tuple(slots[middle:stop])
        known = index.values[values] if values >= 0 else {}
        events.append(Event(signature, count, None if parent < 0 else parent, inputs, outputs, known))
        start = stop
    return events
