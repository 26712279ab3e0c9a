"""Attach listeners to the objects of a pipeline, and remove them without leaving anything behind."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch

Original = Callable[..., Any]


@dataclass(slots=True)
class Call:
    """A call in progress: the object, the method's name, the original method, and the arguments."""

    owner: object
    method: str
    original: Original
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def proceed(self) -> Any:
        """Call the original with the current arguments."""
        return self.original(*self.args, **self.kwargs)


Listener = Callable[[Call], Any]
"""Called in place of a method; its result is returned to the caller."""


def on_network(
    network: torch.nn.Module, methods: Iterable[str], listener: Listener, stack: ExitStack
) -> None:
    """Pass every call of these methods of one network to `listener` until `stack` closes.

    The network gets instance attributes, as with accelerate's offloading. Code that checks a module's class or
    hooks does not see them (torch leaves its fast paths if a module has hooks, and the bits change).
    """
    for method in methods:
        _on_attribute(network, method, listener, stack)


def on_class(kind: type, methods: Iterable[str], listener: Listener, stack: ExitStack) -> None:
    """Pass every call of these methods of any instance of the class to `listener` until `stack` closes.

    Pipelines copy schedulers, and the copies need listeners too; and only a class can have another `__call__`.
    Replacing the instance's class would not work: pipelines compare types.
    """
    for method in methods:
        own = vars(kind).get(method)
        setattr(kind, method, _function(method, getattr(kind, method), listener))
        stack.callback(delattr, kind, method) if own is None else stack.callback(setattr, kind, method, own)


def on_module(module: torch.nn.Module, listener: Listener, stack: ExitStack) -> None:
    """Pass every call of one module inside a network to `listener` until `stack` closes."""
    _on_attribute(module, "forward", listener, stack)


class _Bound:
    """A method of one object behind a listener; a deep copy of the object gets its own."""

    def __init__(self, owner: object, name: str, original: Original, listener: Listener) -> None:
        functools.update_wrapper(self, original)
        self.__self__ = owner
        self._name, self._original, self._listener = name, original, listener

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._listener(Call(self.__self__, self._name, self._original, args, kwargs))

    def __deepcopy__(self, memo: dict[int, Any]) -> Original:
        owner = memo.get(id(self.__self__))
        return self._original if owner is None else getattr(type(owner), self._name).__get__(owner)

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self._original)


def _on_attribute(owner: torch.nn.Module, method: str, listener: Listener, stack: ExitStack) -> None:
    attributes = vars(owner)
    if method == "forward" and attributes.get("_compiled_call_impl") is not None:
        # Compiled code must not be compiled again around a listener.
        method = "_compiled_call_impl"
    held = attributes.get(method)
    name = "forward" if method == "_compiled_call_impl" else method
    attributes[method] = _Bound(owner, name, getattr(owner, method), listener)
    stack.callback(_put_back, attributes, method, held)


def _put_back(attributes: dict[str, Any], method: str, held: object) -> None:
    if held is None:
        attributes.pop(method, None)
    else:
        attributes[method] = held


def _function(name: str, original: Original, listener: Listener) -> Original:
    @functools.wraps(original)
    def method(self: object, *args: Any, **kwargs: Any) -> Any:
        return listener(Call(self, name, original.__get__(self), args, kwargs))

    method.__signature__ = inspect.signature(original)  # type: ignore[attr-defined]
    return method
