"""Where weights lie in memory: at multiples of 64 bytes, however their checkpoint was stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import torch
from diffusers import DiffusionPipeline

ALIGNMENT = 64
"""Bytes; what torch's own CPU allocator gives (c10/core/alignment.h), and a cache line."""


@dataclass(slots=True)
class _Region:
    """Bytes that tensors share: from `start` up to `stop`, addresses in memory."""

    start: int
    stop: int
    tensors: list[torch.Tensor] = field(default_factory=list)


def align(pipeline: DiffusionPipeline) -> int:
    """Move the CPU tensors of `pipeline` that do not begin at a multiple of 64 bytes; the bytes that were moved.

    safetensors maps a checkpoint, so a weight lies where its file has it, and the length of the file's header
    decides which kernels of MKL and oneDNN see aligned rows. Tensors keep their identity: tied weights stay
    tied, and views stay views of the same bytes. Quantised and sub-classed tensors, and those without bytes
    on the CPU (on another device, on `meta`), are left as they are.
    """
    moved = 0
    for region in _regions(_tensors(pipeline)):
        if region.start % ALIGNMENT:
            moved += _move(region)
    return moved


def _move(region: _Region) -> int:
    size = region.stop - region.start
    storage = torch.UntypedStorage(size)
    places = [(tensor, tensor.data_ptr() - region.start) for tensor in region.tensors]
    if any(offset % tensor.element_size() for tensor, offset in places):
        return 0
    for tensor, offset in places:
        span = _span(tensor)
        begin = tensor.storage_offset() * tensor.element_size()
        storage[offset : offset + span].copy_(tensor.untyped_storage()[begin : begin + span])
    with torch.no_grad():
        for tensor, offset in places:
            view = torch.empty(0, dtype=tensor.dtype)
            view.set_(storage, offset // tensor.element_size(), tensor.shape, tensor.stride())
            tensor.data = view
    return size


def _regions(tensors: Iterable[torch.Tensor]) -> Iterator[_Region]:
    """The tensors by the bytes that they share."""
    current: _Region | None = None
    for tensor in sorted(tensors, key=torch.Tensor.data_ptr):
        start = tensor.data_ptr()
        stop = start + _span(tensor)
        if current is None or start >= current.stop:
            if current is not None:
                yield current
            current = _Region(start, stop)
        current.stop = max(current.stop, stop)
        current.tensors.append(tensor)
    if current is not None:
        yield current


def _span(tensor: torch.Tensor) -> int:
    """The bytes from a tensor's first element to the end of its last."""
    last = sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
    return (last + 1) * tensor.element_size()


def _tensors(pipeline: DiffusionPipeline) -> Iterator[torch.Tensor]:
    """Every plain tensor with bytes on the CPU that belongs to the pipeline or what it is made of, once each."""
    found: dict[int, torch.Tensor] = {}
    for module in _modules(pipeline):
        held = (*module._parameters.values(), *module._buffers.values(), *vars(module).values())
        found |= {id(value): value for value in held if isinstance(value, torch.Tensor)}
    return (tensor for tensor in found.values() if _is_plain(tensor))


def _modules(holder: object) -> Iterator[torch.nn.Module]:
    parts = [*vars(holder).values(), *getattr(holder, "components", {}).values()]
    for part in parts:
        if isinstance(part, DiffusionPipeline):
            yield from _modules(part)
        elif isinstance(part, torch.nn.Module):
            yield from part.modules()


def _is_plain(tensor: torch.Tensor) -> bool:
    return (
        type(tensor) in (torch.Tensor, torch.nn.Parameter)
        and tensor.device.type == "cpu"
        and tensor.layout is torch.strided
        and not tensor.is_quantized
        and tensor.numel() > 0
    )
