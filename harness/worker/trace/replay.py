"""Forced replay: feed every component the golden's inputs, and pass on the golden's outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from harness.core.trace import NOISE, Event, Slot
from harness.golden.header import unreadable
from harness.golden.tensors import TensorFile
from harness.golden.trace import read_trace
from harness.worker.trace.recorder import Entry
from harness.worker.trace.tree import Exchange, exchanged

SCHEDULE = ("timesteps", "sigmas")
"""The attributes of a scheduler that `set_timesteps` sets."""


class Replay:
    """Looks up events in a golden's trace and replaces the run's tensors by the golden's.

    A tensor of another shape or dtype, or one that the golden did not keep, stays unchanged: the comparison of
    the two traces reports it.
    """

    def __init__(self, golden: TensorFile) -> None:
        trace = read_trace(golden)
        if trace is None:
            raise unreadable(golden.path, "has no trace to replay")
        self._golden = trace
        self._events: Mapping[tuple[str, int], Event] = {event.key: event for event in trace.events}
        self._draws = [event for event in trace.events if event.signature.component == NOISE]

    def inputs(
        self, entry: Entry, args: tuple[Any, ...], kwargs: dict[str, Any], names: tuple[str, ...]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The call's arguments with the golden's tensors in them."""
        event = self._events.get(entry.key)
        if event is None:
            return args, kwargs
        exchange = self._exchange(dict(_by_name(event.signature.inputs, event.inputs)))
        positional = tuple(
            exchanged(names[number] if number < len(names) else str(number), value, exchange)
            for number, value in enumerate(args)
        )
        return positional, {name: exchanged(name, value, exchange) for name, value in kwargs.items()}

    def outputs(self, entry: Entry, owner: object, result: Any) -> Any:
        """The result with the golden's tensors in it; a scheduler gets the golden's schedule."""
        event = self._events.get(entry.key)
        if event is None:
            return result
        found = dict(_by_name(event.signature.outputs, event.outputs))
        exchange = self._exchange(found)
        given = {name for name, _ in entry.outputs}
        for name in SCHEDULE:
            held = getattr(owner, name, None)
            if name in given and name in found and isinstance(held, torch.Tensor):
                setattr(owner, name, exchanged(name, held, exchange))
        return exchanged("", result, exchange)

    def noise(self, entry: Entry, result: torch.Tensor) -> torch.Tensor:
        """The golden's noise; if the draw fills a tensor in place, that tensor with the golden's values.

        The function does not matter: it is the golden's draw from the same generator state, otherwise the next one
        of this dtype and shape.
        """
        event = self._next_draw(entry, str(result.dtype).removeprefix("torch."), tuple(result.shape))
        if event is None:
            return result
        fed = self._exchange(dict(_by_name(event.signature.outputs, event.outputs)))("noise", result)
        if fed is None:
            return result
        return result.copy_(fed) if entry.method.endswith("_") else fed

    def _next_draw(self, entry: Entry, dtype: str, shape: tuple[int, ...]) -> Event | None:
        alike = [
            event
            for event in self._draws
            if [(slot.dtype, slot.shape) for slot in event.signature.outputs] == [(dtype, shape)]
        ]
        state = entry.values.get("before")
        same = [event for event in alike if state is not None and event.values.get("before") == state]
        found = next(iter((*same, *alike)), None)
        if found is not None:
            self._draws.remove(found)
        return found

    def _exchange(self, slots: Mapping[str, tuple[Slot, int]]) -> Exchange:
        def exchange(name: str, tensor: torch.Tensor) -> torch.Tensor | None:
            if name not in slots or tensor.requires_grad:  # the run differentiates through its own
                return None
            slot, row = slots[name]
            if (slot.dtype, slot.shape) != (str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape)):
                return None
            kept = self._golden.raw(row, slot)
            if not kept:
                return None
            content = torch.from_numpy(np.frombuffer(kept, np.uint8).copy())
            values = content.view(tensor.dtype).reshape(tensor.shape)
            # Keep the memory layout: kernels are chosen by it, and their last bits differ.
            return torch.empty_like(tensor).copy_(values)

        return exchange


def _by_name(slots: tuple[Slot, ...], rows: tuple[int, ...]) -> list[tuple[str, tuple[Slot, int]]]:
    return [(slot.name, (slot, row)) for slot, row in zip(slots, rows, strict=True)]
