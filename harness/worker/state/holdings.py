"""Remember what containers hold, to find changes later and to restore data."""

from __future__ import annotations

import operator
from collections import OrderedDict, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch

from harness.worker.state.plain import is_data, same

REGISTRIES = frozenset(vars(torch.nn.Module())) - {"training"}
"""The attributes in which a module keeps its parts and hooks."""

HOOKS = REGISTRIES - {"_buffers", "_modules", "_parameters", "_non_persistent_buffers_set"}
"""The attributes that are tables of hooks."""

_RESTORABLE = (dict, OrderedDict, defaultdict)

_BOOKKEEPING = frozenset(
    {"__annotate_func__", "__annotations_cache__", "__slotnames__", "__warningregistry__"}
)
"""Names under which Python itself keeps state in modules and classes."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change, `where` in the pipeline; `undone` says whether it is reverted."""

    where: str
    undone: bool


class Entries:
    """The entries of a dict, or the attributes of an object, by name.

    Data is restored if `restorable`; in a table of `hooks`, which consists only of its entries, everything is.
    """

    __slots__ = ("_hooks", "_restorable", "_where", "mapping", "names", "values")

    def __init__(
        self, where: str, mapping: Mapping[Any, Any], *, restorable: bool, hooks: bool = False
    ) -> None:
        self._where, self.mapping, self._hooks = where, mapping, hooks
        self.names, self.values = tuple(mapping), tuple(mapping.values())
        self._restorable = restorable and type(mapping) in _RESTORABLE

    def changes(self) -> Iterator[Change]:
        """The changes; those of plain data are reverted."""
        before, now = dict(zip(self.names, self.values, strict=True)), dict(self.mapping)
        names = [
            name
            for name in {**before, **now}
            if name not in _BOOKKEEPING and not same(before.get(name, _NOTHING), now.get(name, _NOTHING))
        ]
        if not names and [name for name in now if name not in _BOOKKEEPING] == list(self.names):
            return
        undone = self._restorable and all(
            self._hooks or (_can_go(before.get(name)) and _can_go(now.get(name)) and name not in REGISTRIES)
            for name in names
        )
        if undone:
            self.mapping.clear()  # type: ignore[attr-defined]
            self.mapping.update(before)  # type: ignore[attr-defined]
        for name in names or ["the order"]:
            yield Change(f"{self._where}.{name}", undone)


class Items:
    """The items of a list, set or deque."""

    __slots__ = ("_items", "_where", "holder")

    def __init__(self, where: str, holder: Any) -> None:
        self._where, self.holder, self._items = where, holder, tuple(holder)

    def changes(self) -> Iterator[Change]:
        """Whether its items changed; data in a list is restored."""
        now = tuple(self.holder)
        if len(now) == len(self._items) and all(map(same, now, self._items)):
            return
        undone = isinstance(self.holder, list) and is_data(now) and is_data(self._items)
        if undone:
            self.holder[:] = self._items
        yield Change(self._where, undone)


class Slots:
    """The attributes of an object that keeps some of them in slots."""

    __slots__ = ("_names", "_owner", "_values", "_where")

    def __init__(self, where: str, owner: object, names: Sequence[str]) -> None:
        self._where, self._owner, self._names = where, owner, names
        self._values = self.held()

    def held(self) -> tuple[object, ...]:
        """The values in the slots; a marker for an empty one."""
        return tuple(_slot(self._owner, name) for name in self._names)

    def changes(self) -> Iterator[Change]:
        """The changes."""
        for name, before, now in zip(self._names, self._values, self.held(), strict=True):
            if not same(before, now):
                yield Change(f"{self._where}.{name}", False)


class Holdings:
    """Many mappings, checked together: most runs change none."""

    def __init__(self, entries: Sequence[Entries]) -> None:
        self._entries = entries
        # Most of a module's tables are empty.
        self._empty = [one.mapping for one in entries if not one.names]
        self._mappings = [one.mapping for one in entries if one.names]
        self._views = [mapping.values() for mapping in self._mappings]
        self._names = list(chain.from_iterable(one.names for one in entries))
        self._values = list(chain.from_iterable(one.values for one in entries))

    def changes(self, *, thorough: bool) -> Iterator[Change]:
        """The changes; those of plain data are reverted.

        Unless `thorough`, renamed objects are overlooked, and equal numbers of another type.
        """
        if any(self._empty) or not (self._identical() if thorough else self._equal()):
            for entries in self._entries:
                yield from entries.changes()

    def _identical(self) -> bool:
        """Whether the identical objects have the same names in the same order."""
        return (
            sum(map(len, self._mappings)) == len(self._values)
            and all(map(operator.is_, chain.from_iterable(self._views), self._values))
            and list(chain.from_iterable(self._mappings)) == self._names
        )

    def _equal(self) -> bool:
        """Whether the objects are equal and in the same order; lists compare identical objects fast."""
        try:
            return list(chain.from_iterable(self._views)) == self._values
        except Exception:  # comparing two tensors or arrays gives no single truth value
            return False


_NOTHING = object()
"""Represents a missing entry."""


def _can_go(value: object) -> bool:
    """Whether it computes nothing by itself: data, or an empty registry of diffusers' hooks.

    diffusers' `cache_context` makes such a registry on first use.
    """
    idle = type(value).__module__ == "diffusers.hooks.hooks" and not getattr(value, "hooks", True)
    return idle or is_data(value)


def _slot(owner: object, name: str) -> object:
    try:
        return getattr(owner, name)
    except (AttributeError, ValueError):  # an empty slot; an empty cell of a closure
        return _NOTHING
