"""Turn whatever a pipeline returns into named tensors, each in its own dtype."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import torch
from PIL import Image

Leaf: TypeAlias = torch.Tensor | str | None


class UnknownOutput(Exception):
    """An output contains something that cannot be compared; nothing may be omitted silently."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """A pipeline's output by name: CPU tensors in their own dtype, text, and the fields that are None."""

    tensors: Mapping[str, torch.Tensor] = field(default_factory=dict)
    text: Mapping[str, str] = field(default_factory=dict)
    absent: tuple[str, ...] = ()


def flatten(output: object) -> Outputs:
    """Name every tensor-like part of `output`.

    Fields of a pipeline's output class keep their name; the items of a plain tuple are called `0`, `1`,
    ...; a bare value is called `output`. A list whose items are alike (same shape and dtype) becomes one
    tensor with a new first axis; any other list becomes one entry per item: `frames.0`, `frames.1`. Raises
    UnknownOutput if a value contains no tensors, text or numbers, if it refers to itself, and if two parts
    would get the same name.
    """
    try:
        leaves = _distinct(_leaves("" if _has_fields(output) else "output", output))
    except RecursionError as error:
        raise UnknownOutput("output: refers to itself, so it cannot be compared") from error
    return Outputs(
        tensors={name: leaf for name, leaf in leaves.items() if isinstance(leaf, torch.Tensor)},
        text={name: leaf for name, leaf in leaves.items() if isinstance(leaf, str)},
        absent=tuple(name for name, leaf in leaves.items() if leaf is None),
    )


def _has_fields(value: object) -> bool:
    return isinstance(value, Mapping | tuple) or _is_record(value)


def _is_record(value: object) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def _is_row(value: object) -> bool:
    """Whether the parts of `value` have indices and no names."""
    return isinstance(value, list | tuple) and not hasattr(value, "_fields")


def _distinct(leaves: Iterator[tuple[str, Leaf]]) -> dict[str, Leaf]:
    found: dict[str, Leaf] = {}
    for name, leaf in leaves:
        if name in found:
            raise UnknownOutput(
                f"{name}: two parts of the output have this name, so one of them would not be compared"
            )
        found[name] = leaf
    return found


def _leaves(name: str, value: object) -> Iterator[tuple[str, Leaf]]:
    leaf = _as_leaf(value)
    if not isinstance(leaf, _NotALeaf):
        yield name, leaf
        return
    fields = _fields(name, value)
    stacked = _stack(fields) if _is_row(value) and name else None
    if not fields:
        yield name or "output", _nothing()
    elif stacked is not None:
        yield name, stacked
    else:
        for key, item in fields.items():
            yield from _leaves(f"{name}.{key}" if name else key, item)


class _NotALeaf:
    """Returned by `_as_leaf` for a value that has parts."""


def _as_leaf(value: object) -> Leaf | _NotALeaf:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, torch.Tensor):
        return _dense(value)
    if isinstance(value, Image.Image):
        return _from_image(value)
    if isinstance(value, bytes | bytearray):
        return torch.from_numpy(np.frombuffer(value, np.uint8).copy())
    if isinstance(value, bool | int | float | complex | np.generic | np.ndarray):
        return _from_array(np.asarray(value))
    return _NotALeaf()


def _nothing() -> torch.Tensor:
    """The tensor that represents an empty list or mapping."""
    return torch.empty(0, dtype=torch.uint8)


def _dense(value: torch.Tensor) -> torch.Tensor:
    value = value.detach()
    value = value.dequantize() if value.is_quantized else value
    value = value.to_dense() if value.layout != torch.strided else value
    # A lazily conjugated or negated view shares the bytes of the tensor it was made from.
    return value.resolve_conj().resolve_neg().cpu().contiguous().clone()


def _from_image(image: Image.Image) -> Leaf | _NotALeaf:
    """Height x width (x channels) in the image's own depth; palette images as RGBA."""
    return _from_array(np.asarray(image.convert("RGBA") if image.mode in ("P", "PA") else image))


def _from_array(array: np.ndarray) -> Leaf | _NotALeaf:
    native = array.astype(array.dtype.newbyteorder("="), order="C", copy=True)
    try:
        return torch.from_numpy(native)
    except TypeError:
        # torch has no such dtype: text and objects are split into parts, dates and long doubles refused.
        return _NotALeaf()


def _fields(name: str, value: object) -> dict[str, object]:
    # Checked before Mapping: diffusers' outputs are both, and as mappings they omit fields that are None.
    if _is_record(value):
        return {entry.name: getattr(value, entry.name) for entry in dataclasses.fields(value)}  # type: ignore[arg-type]
    if isinstance(value, Mapping):
        return _numbered_or_named(name, value)
    if isinstance(value, np.ndarray):
        value = np.atleast_1d(value).tolist()
    if hasattr(value, "_fields"):
        return dict(zip(value._fields, value, strict=True))  # type: ignore[call-overload]
    if isinstance(value, Sequence):
        return {str(index): item for index, item in enumerate(value)}
    return _attributes(name, value)


def _numbered_or_named(name: str, value: Mapping[object, object]) -> dict[str, object]:
    fields = {str(key): item for key, item in value.items()}
    if len(fields) < len(value):
        raise UnknownOutput(f"{name or 'output'}: two keys of a mapping are the same as text")
    return fields


def _attributes(name: str, value: object) -> dict[str, object]:
    """The data attributes of an object such as a mesh or a latent distribution.

    Includes private ones: an object whose data is behind properties has no others.
    """
    own = vars(value) if hasattr(value, "__dict__") and not _is_code(value) else {}
    attributes = {key: item for key, item in own.items() if not _is_code(item)}
    if not attributes:
        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        raise UnknownOutput(
            f"{name or 'output'}: a {kind} has no tensors, images, numbers or text to compare"
        )
    return attributes


def _is_code(value: object) -> bool:
    return inspect.isroutine(value) or inspect.isclass(value) or inspect.ismodule(value)


def _stack(items: Mapping[str, object]) -> torch.Tensor | None:
    """One tensor if all items are tensors of one shape and dtype, even nested; otherwise None."""
    if not items:
        return _nothing()
    parts = []
    for item in items.values():
        leaf: object = _as_leaf(item)
        if isinstance(leaf, _NotALeaf) and _is_row(item):
            leaf = _stack(_fields("", item))
        if not isinstance(leaf, torch.Tensor):
            return None
        parts.append(leaf)
    if len({(part.shape, part.dtype) for part in parts}) != 1:
        return None
    return torch.stack(parts)
