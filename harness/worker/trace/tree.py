"""Find the tensors inside arguments and results, and replace them."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from PIL import Image

_DEEPEST = 8

_PLAIN = bool | int | float | str

BARE = "output"
"""The name of a tensor that is the whole result."""

_OPAQUE = (torch.nn.Module, torch.Generator, torch.device, torch.dtype, type)


@dataclass(slots=True)
class Found:
    """The tensors inside a value by path, in order, and its plain values (bool, int, float, str) by path."""

    tensors: list[tuple[str, torch.Tensor]] = field(default_factory=list)
    values: dict[str, object] = field(default_factory=dict)

    def add(self, name: str, value: object, depth: int = 0) -> None:
        """Search `value`; arrays, images and rows of numbers count as tensors."""
        if value is None:
            return
        if isinstance(value, torch.Tensor):
            self.tensors.append((name or BARE, value))
        elif isinstance(value, _PLAIN):
            self.values[name or BARE] = value
        elif (tensor := _converted(value)) is not None:
            self.tensors.append((name or BARE, tensor))
        elif depth < _DEEPEST:
            for key, part in parts(value):
                self.add(f"{name}.{key}" if name else key, part, depth + 1)


def parts(value: object) -> Iterator[tuple[str, object]]:
    """The named parts of a container or of a library's plain object; none of anything else."""
    if isinstance(value, Mapping):
        yield from ((str(key), part) for key, part in value.items())
    elif isinstance(value, list | tuple):
        names = getattr(value, "_fields", None) or range(len(value))
        yield from ((str(key), part) for key, part in zip(names, value, strict=True))
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield from ((entry.name, getattr(value, entry.name)) for entry in dataclasses.fields(value))
    elif _is_record(value):
        yield from ((key, part) for key, part in vars(value).items() if not key.startswith("_"))


Exchange = Callable[[str, torch.Tensor], torch.Tensor | None]
"""Returns the replacement for a tensor, given its path; None keeps the tensor."""


def exchanged(name: str, value: Any, exchange: Exchange, depth: int = 0) -> Any:
    """`value` with replaced tensors; the value itself if nothing was replaced.

    Containers are copied, not changed: other holders keep the old content. Arrays become arrays again; images
    and rows of numbers stay unchanged.
    """
    if isinstance(value, torch.Tensor):
        new = exchange(name or BARE, value)
        return value if new is None else new
    if isinstance(value, np.ndarray):
        return _exchanged_array(name, value, exchange)
    if value is None or isinstance(value, _PLAIN) or depth >= _DEEPEST or _converted(value) is not None:
        return value
    changed = {}
    for key, part in parts(value):
        new = exchanged(f"{name}.{key}" if name else key, part, exchange, depth + 1)
        if new is not part:
            changed[key] = new
    return _rebuilt(value, changed) if changed else value


def _exchanged_array(name: str, value: np.ndarray, exchange: Exchange) -> np.ndarray:
    tensor = _converted(value)
    new = None if tensor is None else exchange(name or BARE, tensor)
    return value if new is None else new.cpu().numpy()


def _rebuilt(value: Any, changed: Mapping[str, object]) -> Any:
    if isinstance(value, list | tuple):
        items: list[Any] = [changed.get(key, part) for key, part in parts(value)]
        if hasattr(value, "_fields"):
            return type(value)(*items)
        return type(value)(items)
    fresh = copy.copy(value)
    if isinstance(value, MutableMapping):
        for key in value:
            if str(key) in changed:
                fresh[key] = changed[str(key)]
        return fresh
    for key, part in changed.items():
        object.__setattr__(fresh, key, part)
    return fresh


def _converted(value: object) -> torch.Tensor | None:
    """An array, an image, or a (nested) row of numbers as a tensor; None for anything else."""
    if isinstance(value, Image.Image):
        value = np.array(value)
    elif isinstance(value, list) and _is_numeric_row(value):
        try:
            value = np.asarray(value)
        except ValueError:  # rows of different lengths
            return None
    if not isinstance(value, np.ndarray | np.generic) or value.dtype.kind not in "biufc":
        return None
    native = value.dtype.newbyteorder("=")
    try:
        # torch cannot share memory with an array that is read-only, strided backwards or of another byte order
        return torch.from_numpy(np.require(value, native, ["C_CONTIGUOUS", "WRITEABLE"]).reshape(value.shape))
    except TypeError:  # numpy's own extended precision
        return None


def _is_numeric_row(value: object) -> bool:
    if isinstance(value, list):
        return bool(value) and all(_is_numeric_row(item) for item in value)
    return isinstance(value, bool | int | float)


def _is_record(value: object) -> bool:
    """Whether it is an object of diffusers or transformers that only holds data, such as a distribution."""
    library = type(value).__module__.partition(".")[0] in ("diffusers", "transformers")
    return (
        library
        and hasattr(value, "__dict__")
        and not isinstance(value, _OPAQUE)
        and not hasattr(value, "config")
    )
