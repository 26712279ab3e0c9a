"""The peak of memory during one run: of the GPU that computes or, on a CPU, of the whole process."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

import torch

_RESET = "5"
"""Written to clear_refs, this lets the kernel count the peak anew (proc(5))."""

_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)


def forget(device: torch.device, process: Path = Path("/proc/self")) -> None:
    """Count the peak anew from here."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    with suppress(OSError):
        (process / "clear_refs").write_text(_RESET)


def since_forgotten(device: torch.device, process: Path = Path("/proc/self")) -> int | None:
    """The peak in bytes; None if the system does not say."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    with suppress(OSError):
        if found := _PEAK.search((process / "status").read_text()):
            return int(found[1]) * 1024
    return None
