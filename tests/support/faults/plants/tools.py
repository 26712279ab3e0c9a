"""Tools for planting: register a fault, replace or rewrite code, change what was loaded, prove the effect."""

from __future__ import annotations

import functools
import inspect
import os
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any
from weakref import WeakSet

import torch

from tests.support.faults.fault import MARK

Planter = Callable[[ModuleType], None]

PLANTS: dict[str, Planter] = {}


def plants(name: str) -> Callable[[Planter], Planter]:
    """Register the function that plants the fault of that name; it gets the module it patches."""

    def register(planter: Planter) -> Planter:
        PLANTS[name] = planter
        return planter

    return register


def took_effect() -> None:
    """Leave the proof that faulty code ran."""
    Path(os.environ[MARK]).write_text("took effect\n")


def changed(before: Any, after: Any) -> Any:
    """`after`, with the proof of effect where it differs from `before`, which correct code would have given."""
    same = torch.equal(before, after) if isinstance(before, torch.Tensor) else before == after
    if not same:
        took_effect()
    return after


def replaced(owner: Any, name: str, make: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Put what `make` makes of the function in its place."""
    original = getattr(owner, name)
    setattr(owner, name, functools.wraps(original)(make(original)))


def rewritten(owner: Any, name: str, old: str, new: str) -> None:
    """Replace the one place of a method's source that reads `old`; `new` may call `took_effect()`.

    Raises LookupError where the method does not read so, once.
    """
    function = inspect.unwrap(getattr(owner, name))
    source = textwrap.dedent(inspect.getsource(function))
    if source.count(old) != 1:
        raise LookupError(f"{owner.__qualname__}.{name} reads {old!r} {source.count(old)} times, not once")
    names = function.__globals__
    names["took_effect"], names["changed"] = took_effect, changed
    made: dict[str, Any] = {}
    exec(compile(source.replace(old, new), inspect.getfile(function), "exec"), names, made)
    setattr(owner, name, made[name])


def after_loading(kind: type, change: Callable[[Any], None]) -> None:
    """Apply `change` to every instance of the class that `from_pretrained` makes."""
    original = kind.from_pretrained.__func__

    @functools.wraps(original)
    def from_pretrained(cls: type, *args: Any, **kwargs: Any) -> Any:
        loaded = original(cls, *args, **kwargs)
        change(loaded)
        return loaded

    kind.from_pretrained = classmethod(from_pretrained)


def before_first(kind: type, method: str, change: Callable[[Any], None]) -> None:
    """Apply `change` to an instance when its method is called for the first time, long after it was hashed."""
    seen = WeakSet[Any]()

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def called(self: Any, *args: Any, **kwargs: Any) -> Any:
            if self not in seen:
                seen.add(self)
                change(self)
            return original(self, *args, **kwargs)

        return called

    replaced(kind, method, make)


def element_off(path: str) -> Callable[[torch.nn.Module], None]:
    """A change that makes the largest element of the weight of the module at `path` 1 % larger."""

    @torch.no_grad()
    def change(network: torch.nn.Module) -> None:
        weight = network.get_submodule(path).weight
        before = weight.clone()
        weight.view(-1)[weight.abs().argmax()] *= 1.01
        changed(before, weight)

    return change


def rounded(path: str) -> Callable[[torch.nn.Module], None]:
    """A change that rounds the weight of the module at `path` to bfloat16."""

    @torch.no_grad()
    def change(network: torch.nn.Module) -> None:
        weight = network.get_submodule(path).weight
        weight.copy_(changed(weight.clone(), weight.to(torch.bfloat16).to(weight.dtype)))

    return change


class CallsOfARun:
    """Counts calls from 0, and from 0 again when the timesteps, which fall, rise: another run has begun."""

    def __init__(self) -> None:
        self._last = float("-inf")
        self._number = -1

    def number(self, timestep: Any) -> int:
        """The number of the call with this timestep."""
        here = float(timestep)
        self._number = 0 if here > self._last else self._number + 1
        self._last = here
        return self._number
