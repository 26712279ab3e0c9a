"""Record events as they happen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import torch

from harness.core.trace import Signature, Slot, Structure, TraceIndex, TraceLevel
from harness.errors import HarnessError, NotRecorded
from harness.worker.trace.ledger import Ledger, Rows
from harness.worker.trace.tree import Found

_LISTED = 256  # integer tensors with up to this many elements are listed among the values

_WHOLE = (torch.bool, torch.int8, torch.int16, torch.int32, torch.int64)


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Recorded:
    """A complete trace, ready to be written: `order` int32 [events, 4], `slots` int32 [slots] (rows)."""

    index: TraceIndex
    structure: Structure
    order: np.ndarray
    slots: np.ndarray
    rows: Rows


@dataclass(slots=True)
class Entry:
    """An event, running or finished; `tickets` of the ledger represent its tensors."""

    component: str
    method: str
    module: str | None
    index: int
    parent: int
    values: dict[str, object] = field(default_factory=dict)
    inputs: list[tuple[str, int]] = field(default_factory=list)
    outputs: list[tuple[str, int]] = field(default_factory=list)

    @property
    def key(self) -> tuple[str, int]:
        """The event's name as in the trace, and its index."""
        inner = f".{self.module}" if self.module else ""
        return f"{self.component}{inner}.{self.method}", self.index


class _Interned(Generic[T]):
    """Assigns numbers to things; equal things get the same number."""

    def __init__(self) -> None:
        self._numbers: dict[T, int] = {}

    @property
    def items(self) -> tuple[T, ...]:
        return tuple(self._numbers)

    def number(self, item: T) -> int:
        return self._numbers.setdefault(item, len(self._numbers))


class Recorder:
    """The events of one run, in the order in which they began."""

    def __init__(self, level: TraceLevel, spool: Path | None) -> None:
        self.level = level
        self._ledger = Ledger(spool if level is TraceLevel.FULL else None)
        self._entries: list[Entry] = []
        self._counts = Counter[tuple[str, str | None, str]]()
        self._open: list[int] = []
        self._classes: dict[str, str] = {}
        self.failure: HarnessError | None = None
        """Why something could not be recorded; a pipeline that catches all exceptions may have caught this one."""

    def name_class(self, component: str, qualified: str) -> None:
        """Record the class of a component."""
        self._classes[component] = qualified

    @contextmanager
    def event(
        self, component: str, method: str, found: Found, *, module: str | None = None
    ) -> Iterator[Entry]:
        """An event around the block; `found` are its inputs."""
        kind = component, module, method
        entry = Entry(
            component, method, module, self._counts[kind], self._open[-1] if self._open else -1, found.values
        )
        self._counts[kind] += 1
        self._entries.append(entry)
        self._open.append(len(self._entries) - 1)
        self._put(entry, entry.inputs, found.tensors, "in")
        try:
            yield entry
        finally:
            self._open.pop()

    def result(self, entry: Entry, found: Found) -> None:
        """Add the event's outputs."""
        entry.values.update({f"out:{name}": value for name, value in found.values.items()})
        self._put(entry, entry.outputs, found.tensors, "out")

    def forget(self, entry: Entry) -> bool:
        """Remove the last event, which moved no tensor; False if it contains other events."""
        if self._entries[-1] is not entry:
            return False
        self._entries.pop()
        self._counts[entry.component, entry.module, entry.method] -= 1
        return True

    def whole(self, component: str, method: str, inputs: Found) -> None:
        """An event without inner events, such as the pipeline's own arguments."""
        with self.event(component, method, inputs):
            pass

    def abandon(self) -> None:
        """Close the spool; nothing can be added or finished afterwards."""
        self._ledger.abandon()

    def finish(self, structure: Structure) -> Recorded:
        """The trace of all events so far; raises the `failure`, and StoreError if the disk refuses."""
        try:
            if self.failure:
                raise self.failure
            rows = self._ledger.finish()
        except BaseException:
            self.abandon()
            raise
        signatures, values = _Interned[Signature](), _Interned[str]()
        kept_values: list[Mapping[str, object]] = []
        order, slots = [], list[int]()
        of_ticket = rows.of_ticket.tolist()
        for entry in self._entries:
            signature = signatures.number(self._signature(entry))
            number = -1
            if entry.values:
                number = values.number(repr(sorted(entry.values.items(), key=str)))
                if number == len(kept_values):
                    kept_values.append(entry.values)
            order.append((signature, entry.index, entry.parent, number))
            slots += (of_ticket[ticket] for _, ticket in (*entry.inputs, *entry.outputs))
        index = TraceIndex(self.level, signatures.items, tuple(kept_values), self._classes)
        return Recorded(
            index, structure, np.array(order, np.int32).reshape(-1, 4), np.array(slots, np.int32), rows
        )

    def _put(
        self, entry: Entry, into: list[tuple[str, int]], tensors: list[tuple[str, torch.Tensor]], way: str
    ) -> None:
        # There are many module tensors, and forced replay feeds only components.
        keep = entry.module is None
        for name, tensor in tensors:
            into.append((name, self._ticket(tensor, keep=keep)))
            if keep and tensor.dtype in _WHOLE and tensor.numel() <= _LISTED and tensor.device.type == "cpu":
                entry.values[f"{way}:{name}"] = tensor.tolist()

    def _ticket(self, tensor: torch.Tensor, *, keep: bool) -> int:
        try:
            return self._ledger.add(tensor, keep=keep)
        except HarnessError as error:
            self.failure = self.failure or error
            raise
        except Exception as error:
            kind = f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
            self.failure = NotRecorded(
                f"a tensor of {kind} could not be recorded ({type(error).__name__}: {error}); set `trace: none`"
            )
            raise self.failure from error

    def _signature(self, entry: Entry) -> Signature:
        return Signature(
            entry.component, entry.method, entry.module, self._slots(entry.inputs), self._slots(entry.outputs)
        )

    def _slots(self, tickets: list[tuple[str, int]]) -> tuple[Slot, ...]:
        found = ((name, self._ledger.slot(ticket)) for name, ticket in tickets)
        return tuple(Slot(name, slot.dtype, slot.shape) for name, slot in found)
