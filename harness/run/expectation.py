"""Which platform a run would land on, told from files alone, for commands that must not load torch."""

from __future__ import annotations

import platform
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path


def expected_platform(device: str) -> str:
    """The platform for `device`; `cuda` without its compute capability, which only the driver knows."""
    machine = platform.machine().lower()
    kind = device.partition(":")[0]
    if kind == "auto":
        kind = "cuda" if _torch_has_cuda() and _has_nvidia_driver() else _without_gpu(machine)
    return kind if kind == "cuda" else f"{kind}-{machine}"


def _without_gpu(machine: str) -> str:
    return "mps" if sys.platform == "darwin" and machine == "arm64" else "cpu"


def _has_nvidia_driver() -> bool:
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None


def _torch_has_cuda() -> bool:
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        return False
    version = Path(spec.origin).with_name("version.py")
    lines = version.read_text().splitlines() if version.is_file() else []
    return any(line.startswith("cuda") and "None" not in line.partition("=")[2] for line in lines)
