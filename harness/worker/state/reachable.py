"""Everything that is reachable from an object through the objects it holds."""

from __future__ import annotations

import functools
import types
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from harness.worker.state.holdings import HOOKS, Entries, Items, Slots
from harness.worker.state.plain import ATOMS, COLLECTIONS, CONSTANTS
from harness.worker.state.probes import Probe, probe_of

Ours = Callable[[type], bool]
"""Whether a class is the user's own, so that its attributes are part of the walk."""


@dataclass(slots=True)
class Reached:
    """The objects found, by how they are watched; `objects` are those whose class could be changed."""

    entries: list[Entries] = field(default_factory=list)
    others: list[Items | Slots] = field(default_factory=list)
    tensors: list[tuple[str, torch.Tensor]] = field(default_factory=list)
    probes: list[Probe] = field(default_factory=list)
    objects: list[tuple[str, object]] = field(default_factory=list)


class Walk:
    """Visits each object once; does not enter `leaves`, and enters the classes that are `ours`."""

    def __init__(self, leaves: tuple[type, ...], ours: Ours) -> None:
        self._leaves, self._ours = leaves, ours
        self._left: list[tuple[str, object]] = []
        self._seen: dict[int, object] = {}
        self._classes: set[type] = set()
        self._ahead: list[tuple[str, Any]] = []
        self._found = Reached()

    def through(self, where: str, mapping: Mapping[str, Any]) -> None:
        """Visit the entries of `mapping`, but not the mapping itself."""
        self._seen[id(mapping)] = mapping
        self._enter(where, mapping, restorable=False)

    def start(self, where: str, root: object) -> None:
        """Add `root` as a starting point."""
        self._ahead.append((where, root))

    def finish(self) -> Reached:
        """Walk until everything has been visited."""
        while self._ahead:
            where, one = self._ahead.pop()
            if isinstance(one, CONSTANTS) or id(one) in self._seen:
                continue
            self._seen[id(one)] = one
            if isinstance(one, type):
                self._class(one)
            elif not isinstance(one, ATOMS):
                self._object(where, one)
        return self._found

    def into_leaves(self) -> Reached:
        """What only the leaves hold that were found, and these themselves; to be called after `finish`."""
        self._leaves, self._found = (), Reached()
        for where, one in self._left:
            self._object(where, one)
        return self.finish()

    def _class(self, one: type) -> None:
        """The attributes of a user's own class, and of its base classes."""
        for base in one.__mro__:
            if base not in self._classes:
                self._classes.add(base)
                if self._ours(base):
                    self._enter(base.__qualname__, vars(base), restorable=False)

    def _object(self, where: str, one: Any) -> None:
        self._class(type(one))
        if isinstance(one, self._leaves):
            self._found.objects.append((where, one))
            self._left.append((where, one))
            return
        if isinstance(one, torch.Tensor):
            self._found.tensors.append((where, one))
        elif isinstance(one, dict):
            self._enter(where, one, restorable=True)
        elif isinstance(one, COLLECTIONS):
            self._collection(where, one)
        elif isinstance(one, types.FunctionType):
            self._function(where, one)
        elif not self._led_on(where, one) and (probe := probe_of(where, one)):
            self._found.probes.append(probe)
        self._attributes(where, one)

    def _collection(self, where: str, one: Any) -> None:
        if not isinstance(one, tuple | frozenset):
            self._found.others.append(Items(where, one))
        self._follow(where, enumerate(one))

    def _function(self, where: str, one: types.FunctionType) -> None:
        self._hold(f"{where}()", one, ("__code__", "__defaults__", "__kwdefaults__"))
        for name, cell in zip(one.__code__.co_freevars, one.__closure__ or (), strict=True):
            self._hold(f"{where}().{name}", cell, ("cell_contents",))

    def _led_on(self, where: str, one: Any) -> bool:
        """Whether it is a Python built-in object that only leads to other objects."""
        held: tuple[Any, ...]
        if isinstance(one, functools.partial):
            held = (one.func, one.args, one.keywords)
        elif isinstance(one, types.MethodType):
            held = (one.__self__, one.__func__)
        elif isinstance(one, staticmethod | classmethod):
            held = (one.__func__,)
        elif isinstance(one, property):
            held = (one.fget, one.fset, one.fdel)
        else:
            return isinstance(one, types.CellType | types.MappingProxyType)
        self._ahead += [(where, part) for part in held]
        return True

    def _attributes(self, where: str, one: Any) -> None:
        own = None if type(one) is OrderedDict else getattr(one, "__dict__", None)
        if type(own) is dict:
            if isinstance(one, torch.nn.Module):
                self._hooks(where, own)
            self._enter(where, own, restorable=True)
            if not isinstance(one, torch.Tensor | types.FunctionType):
                self._found.objects.append((where, one))
        if names := tuple(_slot_names(type(one))):
            self._hold(where, one, names)

    def _hooks(self, where: str, own: Mapping[str, Any]) -> None:
        for name in HOOKS & own.keys():
            table = own[name]
            if isinstance(table, dict) and id(table) not in self._seen:
                self._seen[id(table)] = table
                self._enter(f"{where}.{name}", table, restorable=True, hooks=True)

    def _enter(
        self, where: str, mapping: Mapping[Any, Any], *, restorable: bool, hooks: bool = False
    ) -> None:
        self._found.entries.append(Entries(where, mapping, restorable=restorable, hooks=hooks))
        self._follow(where, mapping.items())

    def _hold(self, where: str, owner: object, names: Iterable[str]) -> None:
        slots = Slots(where, owner, tuple(names))
        self._found.others.append(slots)
        self._follow(where, zip(names, slots.held(), strict=True))

    def _follow(self, where: str, named: Iterable[tuple[object, object]]) -> None:
        self._ahead += [
            (f"{where}.{name}", value) for name, value in named if not isinstance(value, CONSTANTS)
        ]


def _slot_names(kind: type) -> Iterator[str]:
    for base in kind.__mro__:
        if "__slots__" in vars(base):
            members = vars(base).items()
            yield from (name for name, member in members if isinstance(member, types.MemberDescriptorType))
