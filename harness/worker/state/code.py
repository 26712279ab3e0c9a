"""Remember the objects behind names in loaded modules and classes, to find out what a run replaced."""

from __future__ import annotations

import builtins
import operator
import sys
import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.worker.state.plain import is_data, same

LIBRARIES = frozenset(
    {
        *("builtins", "copy", "json", "math", "random"),
        *("PIL", "accelerate", "diffusers", "numpy", "peft", "safetensors", "torch", "transformers"),
    }
)
"""The watched packages."""

_WORKSHOPS = (
    "torch._dynamo",
    "torch._export",
    "torch._functorch",
    "torch._inductor",
    "torch._subclasses",
    "torch.distributed",
    "torch.export",
    "torch.fx",
    "torch.testing",
)
"""Parts of torch that keep state while they compile; `torch.compiler.reset` resets those."""

_TAKES_NOTES = frozenset(
    {
        "__abstractmethods__",
        "__annotate_func__",
        "__annotations__",
        "__annotations_cache__",
        "__builtins__",
        "__doc__",
        "__slotnames__",
        "__static_attributes__",
        "__warningregistry__",
    }
)
"""Names under which Python itself keeps state."""


_MADE_WHEN_NEEDED = frozenset(
    {
        "Storage",
        "_FakeScriptObject_cls",
        "_can_set_experts_implementation_cached_value",
        "_checkpoint_conversion_mapping_cache",
        "next_id",
        "smart_apply",
    }
)
"""Names that torch and transformers set on first use, always to the same value; the count of hooks; the name for
the default dtype, which `settings` checks.
"""


@dataclass(frozen=True, slots=True)
class Replaced:
    """A name that now refers to something else; `runs` says whether that is a function or class, not data."""

    where: str
    runs: bool


class _Function:
    """The parts of a function."""

    __slots__ = ("_code", "_defaults", "_function", "_keywords", "name")

    def __init__(self, name: str, function: types.FunctionType) -> None:
        self.name, self._function = name, function
        self._take()

    def _take(self) -> None:
        self._code, self._defaults = self._function.__code__, self._function.__defaults__
        by_name = self._function.__kwdefaults__
        self._keywords = dict(by_name) if by_name else None

    def changed(self) -> bool:
        """Whether anything was replaced since this was asked last."""
        now, by_name = self._function, self._function.__kwdefaults__ or None
        if now.__code__ is self._code and now.__defaults__ is self._defaults and by_name is self._keywords:
            return False
        was, before = (self._code, self._defaults), self._keywords or {}
        self._take()
        after = self._keywords or {}
        kept = before.keys() == after.keys() and all(same(one, after[name]) for name, one in before.items())
        return was[0] is not self._code or was[1] is not self._defaults or not kept


class _Table:
    """The functions and classes in a table such as `ACT2CLS`; new entries are allowed, since lazy imports add some."""

    __slots__ = ("_entries", "_table", "name")

    def __init__(self, name: str, table: dict[Any, Any]) -> None:
        self.name, self._table = name, table
        self._entries = self._now()

    def _now(self) -> Mapping[Any, object]:
        # Not with the methods of the table's own class, which may have side effects.
        return {key: value for key, value in list(dict.items(self._table)) if _is_code(value)}

    def changed(self) -> bool:
        """Whether anything was replaced since this was asked last."""
        was, now = self._entries, self._now()
        self._entries = now
        return any(not same(value, now.get(key, _NOTHING)) for key, value in was.items())


def _is_code(value: object) -> bool:
    first = value[0] if isinstance(value, tuple) and value else value
    return isinstance(first, type | types.FunctionType)


def _unwrapped(value: Any) -> Any:
    # Only by type: lazily loading objects have every attribute.
    kind = type(value)
    if issubclass(kind, property):
        return value.fget
    return value.__func__ if issubclass(kind, classmethod | staticmethod) else value


def _insides(space: Mapping[str, Any], module: str) -> Iterator[_Function | _Table]:
    """The changeable objects behind the names of a module, or of a class in it."""
    for name, value in list(space.items()):
        held = _unwrapped(value)
        if issubclass(type(held), types.FunctionType):
            # Imported objects are watched in their own module.
            if held.__module__ == module:
                yield _Function(name, held)
        elif (
            issubclass(type(held), dict)
            and not name.startswith("__")
            and any(map(_is_code, dict.values(held)))
        ):
            yield _Table(name, held)


class _Names:
    """A module or class, the objects behind its names, and their inner state."""

    __slots__ = ("_added_counts", "_insides", "_names", "_space", "_values", "_where")

    def __init__(self, where: str, space: Mapping[str, Any], module: str, *, added_counts: bool) -> None:
        self._where, self._space, self._added_counts = where, space, added_counts
        self._insides = tuple(_insides(space, module))
        self._take()

    def _take(self) -> None:
        # Another thread may be importing.
        items = list(self._space.items())
        self._names, self._values = [name for name, _ in items], [value for _, value in items]

    def changes(self) -> Iterator[Replaced]:
        """The names that now refer to something else; new names are allowed, since lazy imports add some."""
        for inside in self._insides:
            if inside.changed():
                yield Replaced(f"{self._where}.{inside.name}", True)
        if self._untouched():
            return
        before, now = dict(zip(self._names, self._values, strict=True)), dict(self._space)
        found = [
            name
            for name in {**before, **now}
            if self._counts(name, before) and not same(before.get(name, _NOTHING), now.get(name, _NOTHING))
        ]
        self._take()
        for name in found:
            runs = not (is_data(before.get(name)) and is_data(now.get(name)))
            yield Replaced(f"{self._where}.{name}", runs)

    def _untouched(self) -> bool:
        values = list(self._space.values())
        return len(values) == len(self._values) and all(map(operator.is_, values, self._values))

    def _counts(self, name: str, before: Mapping[str, object]) -> bool:
        if name in _TAKES_NOTES or name in _MADE_WHEN_NEEDED:
            return False
        return name in before or self._added_counts or hasattr(builtins, name)


class Code:
    """The names of the libraries' modules and classes, as they were right after import."""

    def __init__(self) -> None:
        self._modules: dict[str, _Names] = {}
        self._classes: dict[type, _Names] = {}
        self.add(list(sys.modules))

    def add(self, names: Iterable[str]) -> None:
        """Remember the modules of these names, and the classes that they define."""
        for name in names:
            module = sys.modules.get(name)
            if name not in self._modules and _watched(name) and isinstance(module, types.ModuleType):
                self._modules[name] = _Names(name, vars(module), name, added_counts=False)
                for kind in list(vars(module).values()):
                    if isinstance(kind, type) and kind.__module__ == name:
                        self._add_class(kind)

    def _add_class(self, kind: type) -> None:
        if kind not in self._classes:
            where = f"{kind.__module__}.{kind.__qualname__}"
            self._classes[kind] = _Names(where, vars(kind), kind.__module__, added_counts=True)

    def changes(self) -> Iterator[Replaced]:
        """All replacements."""
        for names in (*self._modules.values(), *self._classes.values()):
            yield from names.changes()


_remembered: list[Code] = []


def remember() -> None:
    """Remember what is imported now for the processes that are forked from this one."""
    if _remembered:
        _remembered[0].add(list(sys.modules))
    else:
        _remembered.append(Code())


def forget() -> None:
    """Drop what `remember` did, since the code of libraries was changed after it."""
    _remembered.clear()


def code_of_process() -> Code:
    """The code of this process before its first run: what its server remembered, if it has one, and later imports.

    To look at everything again would copy the pages of it, in a process that was forked.
    """
    if not _remembered:
        return Code()
    found = _remembered.pop()
    found.add(list(sys.modules))
    return found


def _watched(name: str) -> bool:
    return name.partition(".")[0] in LIBRARIES and not name.startswith(_WORKSHOPS)


_NOTHING = object()
"""Represents a missing name."""
