"""Align tensors in memory to multiples of 64 bytes, however their file was written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from diffusers import DiffusionPipeline

from harness.worker.loading import mapped
from harness.worker.loading.pristine import RESTORED, walk
from harness.worker.state.reachable import Reached

ALIGNMENT = 64
"""Bytes; the alignment of torch's own CPU allocator (c10/core/alignment.h), and a cache line."""


@dataclass(slots=True)
class _Region:
    """Bytes that tensors share: the addresses from `start` up to `stop`, and the tensors in order of address."""

    start: int
    stop: int
    tensors: list[torch.Tensor] = field(default_factory=list)


def align(pipeline: DiffusionPipeline) -> int:
    """Move the CPU tensors of `pipeline` that do not begin at a multiple of 64 bytes; return the number of bytes moved.

    safetensors maps a checkpoint, so the file decides the address of a weight, and the length of the file's header
    decides which kernels of MKL and oneDNN see aligned rows. The search covers everything reachable from the
    pipeline: components, nested pipelines, offloaded weights that hooks keep, attributes of the user's own classes.
    Tensors keep their identity, layout and pinning: tied weights stay tied, and views stay views of the same bytes.
    Not moved are quantised and sparse tensors, subclasses with their own computation (their inner tensors are
    searched too), and tensors without bytes on the CPU (on another device, on `meta`).

    Tensors are copied once, one after the other, and their old memory is released, including pages of a mapped file.
    """
    with torch._C.DisableTorchFunctionSubclass():  # a subclass may count, log or refuse calls
        return _aligned(walk(pipeline).finish())


def align_and_walk(pipeline: DiffusionPipeline) -> Reached:
    """Do what `align` does, and return what was reached on the way, but not inside of `RESTORED`."""
    with torch._C.DisableTorchFunctionSubclass():
        way = walk(pipeline, RESTORED)
        found = way.finish()
        _aligned(found, way.into_leaves())
    return found


def _aligned(*found: Reached) -> int:
    tensors = [tensor for one in found for _, tensor in one.tensors if _is_movable(tensor)]
    return _move_all([region for region in _regions(tensors) if region.start % ALIGNMENT])


def aligned(tensor: torch.Tensor) -> torch.Tensor:
    """`tensor`, or a copy of it if it does not begin at a multiple of 64 bytes."""
    return tensor.clone() if tensor.data_ptr() % ALIGNMENT else tensor


def _move_all(regions: Sequence[_Region]) -> int:
    mirrors = mapped.unwritten() if regions else ()
    moved = 0
    for region in regions:
        mirror = any(start <= region.start and region.stop <= stop for start, stop in mirrors)
        moved += _moved(region, is_mirror=mirror)
    return moved


def _moved(region: _Region, *, is_mirror: bool) -> int:
    """Move the region, which may map a file; return the number of bytes moved."""
    places = [(tensor, tensor.data_ptr() - region.start) for tensor in region.tensors]
    # A view that begins inside an element of the first tensor cannot be aligned.
    if any(offset % tensor.element_size() for tensor, offset in places):
        return 0
    storage = _filled(region, places)
    if is_mirror:
        # The mapping itself ends with its last tensor.
        mapped.let_go(region.start, region.stop)
    for tensor, offset in places:
        # Tensors from inference mode cannot be changed otherwise.
        with torch.inference_mode(tensor.is_inference()), torch.no_grad():
            tensor.data = _view(storage, offset, tensor)
    return storage.nbytes()


def _filled(region: _Region, places: Iterable[tuple[torch.Tensor, int]]) -> torch.UntypedStorage:
    """Fresh memory with the region's bytes, each copied once."""
    storage = torch.UntypedStorage(region.stop - region.start)
    if region.tensors[0].is_pinned():
        storage = storage.pin_memory()
    copied = 0
    for tensor, offset in places:
        stop = offset + _span(tensor)
        if stop > copied:
            # Relative to the tensor's own storage, which may begin at another address than the region.
            shift = tensor.storage_offset() * tensor.element_size() - offset
            storage[copied:stop].copy_(tensor.untyped_storage()[copied + shift : stop + shift])
            copied = stop
    return storage


def _view(storage: torch.UntypedStorage, offset: int, like: torch.Tensor) -> torch.Tensor:
    """The tensor in `storage`, `offset` bytes after its start, with the shape and strides of `like`."""
    view = torch.empty(0, dtype=like.dtype)
    view.set_(storage, offset // like.element_size(), like.shape, like.stride())
    view = view.conj() if like.is_conj() else view
    return view._neg_view() if like.is_neg() else view


def _regions(tensors: Iterable[torch.Tensor]) -> Iterator[_Region]:
    """The tensors, grouped by the bytes that they share."""
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


def _is_movable(tensor: torch.Tensor) -> bool:
    return (
        tensor.device.type == "cpu"
        and tensor.layout is torch.strided
        and not tensor.is_quantized
        and type(tensor).__torch_dispatch__ is torch.Tensor.__torch_dispatch__
        and tensor.numel() > 0
    )
