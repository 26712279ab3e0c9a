"""Choose the device that a job names, and say why it is not available."""

from __future__ import annotations

import torch


class DeviceUnavailable(Exception):
    """The device is not available in this process; the message is the reason."""


def choose(name: str) -> torch.device:
    """The torch device for `auto`, `cpu`, `cuda`, `cuda:N` or `mps`; raises DeviceUnavailable."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if name.startswith("cuda"):
        return _cuda(name)
    if name == "mps" and not torch.backends.mps.is_available():
        raise DeviceUnavailable("mps: this machine or this torch build has no Metal device")
    return torch.device(name)


def _cuda(name: str) -> torch.device:
    if torch.cuda._is_in_bad_fork():
        # Not DeviceUnavailable: the GPU may be there, and a skipped case passes.
        raise RuntimeError(f"{name}: CUDA was started before this process was forked; report this as a bug")
    if not torch.cuda.is_available():
        build = f"torch {torch.__version__}"
        why = (
            f"{build} is built without CUDA" if torch.version.cuda is None else f"{build} finds no usable GPU"
        )
        raise DeviceUnavailable(f"{name}: {why}")
    index = int(name.partition(":")[2] or 0)
    if index >= torch.cuda.device_count():
        raise DeviceUnavailable(f"{name}: there are {torch.cuda.device_count()} GPUs, numbered from 0")
    torch.cuda.set_device(index)
    return torch.device("cuda", index)
