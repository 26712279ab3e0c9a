"""Whether the CPU of this machine can be portable, told from files alone."""

from __future__ import annotations

import platform
from functools import cache
from pathlib import Path

from harness.core.portable import NEEDED

_X86 = ("x86_64", "amd64")


@cache
def can_be_portable() -> bool:
    """Whether it is an x86-64 CPU with AVX2 and FMA, as Linux tells."""
    if platform.machine().lower() not in _X86:
        return False
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    flags = next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), [])
    return all(name in flags for name in NEEDED)
