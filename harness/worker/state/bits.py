"""Read the memory that tensors lie in: a digest of all of it, or a few pages to look at again and again."""

from __future__ import annotations

import ctypes
import hashlib

import torch

_COLUMNS = 4096

_SAMPLE = 256
"""Bytes: a small storage as a whole, the middle of a larger one."""

_ALIGNMENT = 64
"""Bytes; for what is aligned otherwise, vector units take another path."""

Form = tuple[torch.device, int, int]
"""What is left of a place in memory when it does not matter which one it is: device, size, alignment."""


def form(storage: torch.UntypedStorage) -> Form:
    """What a kernel can tell of the place where `storage` lies."""
    return storage.device, storage.nbytes(), storage.data_ptr() % _ALIGNMENT


def digest(storage: torch.UntypedStorage) -> bytes:
    """A digest of the sums, modulo 2**64, of the columns of a table of the whole: as fast as the memory is."""
    memory = _memory(storage, 0, storage.nbytes())
    even = len(memory) // (8 * _COLUMNS) * 8 * _COLUMNS
    found = hashlib.blake2b(memory[even:].cpu().numpy().data, digest_size=16)
    if even:
        table = memory[:even].view(torch.int64).view(-1, _COLUMNS)
        found.update(table.sum(0).cpu().numpy().data)
    return found.digest()


def sample(storage: torch.UntypedStorage) -> torch.Tensor:
    """Some of the memory, uint8; to be read only while `storage` lies where it lay."""
    size = min(storage.nbytes(), _SAMPLE)
    return _memory(storage, (storage.nbytes() - size) // 2, size)


def _memory(storage: torch.UntypedStorage, start: int, size: int) -> torch.Tensor:
    """Bytes of the storage; on the CPU without owning them, so that a run that lets go of it does free it."""
    if storage.device.type != "cpu":
        return torch.empty(0, dtype=torch.uint8, device=storage.device).set_(storage, start, (size,))
    if size == 0:
        return torch.empty(0, dtype=torch.uint8)
    return torch.frombuffer(
        (ctypes.c_uint8 * size).from_address(storage.data_ptr() + start), dtype=torch.uint8
    )
