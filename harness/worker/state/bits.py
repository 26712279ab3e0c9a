"""Read the memory of tensors: a digest of all of it, or a few pages for repeated checks."""

from __future__ import annotations

import ctypes
import hashlib

import torch

_COLUMNS = 4096

_SAMPLE = 256
"""Bytes: a small storage is read completely, a larger one in the middle."""

_ALIGNMENT = 64
"""Bytes; vector units treat other alignments differently."""

Form = tuple[torch.device, int, int]
"""The properties of a place in memory that matter: device, size, alignment."""


def form(storage: torch.UntypedStorage) -> Form:
    """The properties of `storage`'s address that a kernel can see."""
    return storage.device, storage.nbytes(), storage.data_ptr() % _ALIGNMENT


def digest(storage: torch.UntypedStorage) -> bytes:
    """A digest of column sums, modulo 2**64, over all bytes: as fast as the memory."""
    memory = _memory(storage, 0, storage.nbytes())
    even = len(memory) // (8 * _COLUMNS) * 8 * _COLUMNS
    found = hashlib.blake2b(memory[even:].cpu().numpy().data, digest_size=16)
    if even:
        table = memory[:even].view(torch.int64).view(-1, _COLUMNS)
        found.update(table.sum(0).cpu().numpy().data)
    return found.digest()


def sample(storage: torch.UntypedStorage) -> torch.Tensor:
    """Some of the memory, uint8; valid only while `storage` keeps its address."""
    size = min(storage.nbytes(), _SAMPLE)
    return _memory(storage, (storage.nbytes() - size) // 2, size)


def _memory(storage: torch.UntypedStorage, start: int, size: int) -> torch.Tensor:
    """Bytes of the storage; on the CPU a view without ownership, so that a run that drops the storage frees it."""
    if storage.device.type != "cpu":
        return torch.empty(0, dtype=torch.uint8, device=storage.device).set_(storage, start, (size,))
    if size == 0:
        return torch.empty(0, dtype=torch.uint8)
    return torch.frombuffer(
        (ctypes.c_uint8 * size).from_address(storage.data_ptr() + start), dtype=torch.uint8
    )
