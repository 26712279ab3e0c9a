"""Whether the CPU of this machine can be portable, told from files alone."""

from __future__ import annotations

import platform
from functools import cache
from pathlib import Path

from harness.core.portable import CPU_INFO, cpu_obstacle


@cache
def obstacle() -> str:
    """Why no run can be portable on this CPU, in words; "" where one can."""
    try:
        told = Path(CPU_INFO).read_text(encoding="utf-8")
    except OSError:
        told = ""
    return cpu_obstacle(platform.machine(), told)


def can_be_portable() -> bool:
    """Whether it is an x86-64 CPU with AVX2 and FMA, as Linux tells."""
    return not obstacle()
