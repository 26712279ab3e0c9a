"""How many workers this machine takes at a time, for `--jobs auto`."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from harness import zoo
from harness.core.case import BUILTIN, Case
from harness.core.variables import THREAD_POOLS
from harness.run.trial import Trial

_GROUP = Path("/sys/fs/cgroup")
"""Where Linux tells of the control group that this process is in; of a container, its own."""

_WORKER_BYTES = 1 << 30
"""What a worker takes beside its models: torch, diffusers and transformers 0.4 GB, its captures and traces the rest."""

_COPIES = 2
"""A model being loaded lies in memory once as its files have it and once in the dtype of the case."""

_UNKNOWN_BYTES = 6 << 30
"""Counted for a model that is not here yet: the weights of a Stable Diffusion of the first generation in float32."""


def workers(trials: Sequence[Trial], device: str, held: int = 0) -> int:
    """How many workers to have for these trials, at least one; `held` are there already.

    On a GPU that is one, since `device` names one device and two workers would share its memory and its time.
    On the CPU it is as many as the cores available to this process allow for, each trial with its own threads, and as
    the memory available holds, with the largest model in each, in addition to those that are there.
    """
    if not trials or not _is_cpu(device):
        return 1
    by_cores = _cores() // max(map(_threads, trials))
    models = {_model(trial.case): trial.case for trial in trials}
    needed = _WORKER_BYTES + _COPIES * max(map(_model_bytes, models.values()))
    memory = _available_bytes()
    by_memory = by_cores if memory is None else held + memory // needed
    return max(1, min(by_cores, by_memory))


def _is_cpu(device: str) -> bool:
    """Whether runs on `device` are done by the CPU; where `auto` may find something better they are not."""
    if device != "auto":
        return device == "cpu"
    if sys.platform == "darwin":
        return platform.machine() != "arm64"
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES", "all").strip() in ("", "-1")
    return hidden or not any(any(Path("/dev").glob(name)) for name in ("nvidia[0-9]*", "kfd", "dxg"))


def _cores() -> int:
    """The cores that this process may use, by its affinity and by the quota of its control group."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _quota()
    return cores if quota is None else max(1, min(cores, round(quota)))


def _quota() -> float | None:
    """How many cores' time the control group grants; None where there is no limit."""
    with suppress(OSError, ValueError):
        time, period = (_GROUP / "cpu.max").read_text().split()
        return None if time == "max" else int(time) / int(period)
    with suppress(OSError, ValueError, ZeroDivisionError):
        folder = _GROUP / "cpu"
        time, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        return int(time) / int(period) if int(time) > 0 else None
    return None


def _threads(trial: Trial) -> int:
    stated = trial.process_variables().get(THREAD_POOLS[0])
    return int(stated) if stated and stated.isdecimal() else 1


def _available_bytes() -> int | None:
    """The memory that can be had without swapping; None where the system does not say."""
    found = [*_free_in_group(), *_free_in_machine()]
    return min(found, default=None)


def _free_in_machine() -> Iterator[int]:
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        yield int(next(line for line in lines if line.startswith("MemAvailable:")).split()[1]) * 1024


def _free_in_group() -> Iterator[int]:
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        with suppress(OSError, ValueError):
            yield max(0, int((_GROUP / limit).read_text()) - int((_GROUP / used).read_text()))


def _model(case: Case) -> tuple[str, str]:
    return case.base, case.model.id


def _model_bytes(case: Case) -> int:
    """The size of the files that the case's model may be loaded from."""
    name, place = case.model.id, Path(case.base) / case.model.id
    if name.startswith(BUILTIN):
        place = zoo.ROOT / name.removeprefix(BUILTIN)
    elif not place.exists():
        place = _hub_cache() / f"models--{name.replace('/', '--')}" / "blobs"
    with suppress(OSError):
        if place.is_file():
            return place.stat().st_size
        if sizes := [path.stat().st_size for path in place.rglob("*") if path.is_file()]:
            return sum(sizes)
    return _UNKNOWN_BYTES


def _hub_cache() -> Path:
    """Where huggingface_hub keeps what it has downloaded (huggingface_hub/constants.py)."""
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    home = os.environ.get("HF_HOME") or Path(caches) / "huggingface"
    return Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub").expanduser()
