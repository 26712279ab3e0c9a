"""Compare everything reachable from a pipeline, or from a module, with its former state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.worker.state.holdings import Change, Holdings, Items, Slots
from harness.worker.state.probes import Probe
from harness.worker.state.reachable import Reached
from harness.worker.state.tensors import Tensors


class Watch:
    """The reached objects and their state at construction."""

    def __init__(self, found: Reached) -> None:
        self._holdings = Holdings(found.entries)
        # Most modules have an empty set of buffers that are not saved.
        empty = [one for one in found.others if isinstance(one, Items) and not one.holder]
        self._empty = [one.holder for one in empty]
        filled = [one for one in found.others if not (isinstance(one, Items) and not one.holder)]
        self._filled: Sequence[Items | Slots] = filled
        self._others: Sequence[Items | Slots] = [*filled, *empty]
        self._tensors = Tensors(found.tensors)
        self._probes: Sequence[Probe] = found.probes
        self._places = [where for where, _ in found.objects]
        self._objects = [one for _, one in found.objects]
        self._kinds = list(map(type, self._objects))

    def changes(self, *, thorough: bool) -> Iterator[Change]:
        """The changes; data is restored if that makes it exactly as before.

        `thorough` is the same as in `Tensors.changes` and `Holdings.changes`.
        """
        if list(map(type, self._objects)) != self._kinds:
            for where, one, kind in zip(self._places, self._objects, self._kinds, strict=True):
                if type(one) is not kind:
                    yield Change(f"the class of {where}", False)
        yield from self._holdings.changes(thorough=thorough)
        for other in self._others if any(self._empty) else self._filled:
            yield from other.changes()
        for probe in self._probes:
            if probe.changed():
                yield Change(probe.where, probe.restored())
        yield from self._tensors.changes(thorough=thorough)
