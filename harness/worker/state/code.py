"""What the names in loaded modules and classes stand for, to find out what a run replaced."""

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
    {"PIL", "accelerate", "builtins", "diffusers", "math", "numpy", "peft", "random", "torch", "transformers"}
)
"""The packages that are watched."""

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
"""Parts of torch that keep books while they compile; `torch.compiler.reset` is for those."""

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
"""Names under which Python takes notes."""


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
"""Names that torch and transformers set on first use, to what they would set again; the count of hooks; what
stands for the default dtype, which is looked at by itself.
"""


@dataclass(frozen=True, slots=True)
class Replaced:
    """A name that stands for something else by now; `runs` where that is a function or class, not data."""

    where: str
    runs: bool


class _Names:
    """A module or class and what its names stood for."""

    __slots__ = ("_added_counts", "_names", "_space", "_values", "_where")

    def __init__(self, where: str, space: Mapping[str, Any], *, added_counts: bool) -> None:
        self._where, self._space, self._added_counts = where, space, added_counts
        self._take()

    def _take(self) -> None:
        # Another thread may import.
        items = list(self._space.items())
        self._names, self._values = [name for name, _ in items], [value for _, value in items]

    def changes(self) -> Iterator[Replaced]:
        """The names that stand for something else by now; a module may get new ones, as it does by lazy imports."""
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
    """The names of the libraries' modules and classes, as they were when they had been imported."""

    def __init__(self) -> None:
        self._modules: dict[str, _Names] = {}
        self._classes: dict[type, _Names] = {}
        self.add(list(sys.modules))

    def add(self, names: Iterable[str]) -> None:
        """Remember the modules of these names, and the classes that are defined there."""
        for name in names:
            module = sys.modules.get(name)
            if _watched(name) and isinstance(module, types.ModuleType) and name not in self._modules:
                self._modules[name] = _Names(name, vars(module), added_counts=False)
                for kind in list(vars(module).values()):
                    if isinstance(kind, type) and kind.__module__ == name:
                        self._add_class(kind)

    def _add_class(self, kind: type) -> None:
        where = f"{kind.__module__}.{kind.__qualname__}"
        self._classes.setdefault(kind, _Names(where, vars(kind), added_counts=True))

    def changes(self) -> Iterator[Replaced]:
        """What was replaced anywhere."""
        for names in (*self._modules.values(), *self._classes.values()):
            yield from names.changes()


def _watched(name: str) -> bool:
    return name.partition(".")[0] in LIBRARIES and not name.startswith(_WORKSHOPS)


_NOTHING = object()
"""Stands for a name that is not there."""
