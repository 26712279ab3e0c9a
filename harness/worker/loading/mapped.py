"""Release memory that only mirrors a mapped file while tensors still refer to it."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

_MAPS = Path("/proc/self/smaps")
Span = tuple[int, int]
"""Addresses from the first up to the second."""

_DONT_NEED = 4
"""MADV_DONTNEED of <sys/mman.h>, which Python's mmap offers only for its own mappings."""


def unwritten() -> Sequence[Span]:
    """The addresses of file mappings that this process has never written to; none if that is unknown.

    Only Linux provides this information.
    """
    try:
        return tuple(_unwritten(_MAPS.read_text()))
    except OSError:
        return ()


def let_go(start: int, stop: int) -> None:
    """Drop the whole pages from `start` to `stop` from memory; later reads load them from the file.

    Only for an `unwritten` mapping: anything written to it would be lost.
    """
    first = -(-start // mmap.PAGESIZE) * mmap.PAGESIZE
    length = stop // mmap.PAGESIZE * mmap.PAGESIZE - first
    if length > 0:
        _libc().madvise(ctypes.c_void_p(first), ctypes.c_size_t(length), _DONT_NEED)


def _unwritten(smaps: str) -> Iterator[Span]:
    span, from_file = (0, 0), False
    for line in smaps.splitlines():
        word, _, rest = line.partition(" ")
        if not word.endswith(":"):  # "7f1c...-7f1d... rw-p 00000000 08:01 1234 /path": the next mapping
            start, stop = word.split("-")
            span, from_file = (int(start, 16), int(stop, 16)), rest.split()[3] != "0"
        elif word == "Anonymous:" and from_file and int(rest.split()[0]) == 0:
            yield span


@cache
def _libc() -> Any:
    return ctypes.CDLL(None)
