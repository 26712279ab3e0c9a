"""How many workers this machine can run at a time, for `--jobs auto`."""

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
"""Where Linux describes this process's control group; inside a container, the container's own."""

_WORKER_BYTES = 1 << 30
"""What a worker needs besides its models: torch and its other libraries 0.4 GB, the rest for captures and traces."""

_COPIES = 2
"""While a model is loaded, memory holds it twice: as it is in its files, and in the dtype of the case."""

_UNKNOWN_BYTES = 6 << 30
"""Assumed for a model that is not downloaded yet: the weights of Stable Diffusion 1.x in float32."""


def workers(trials: Sequence[Trial], device: str, held: int = 0) -> int:
    """How many workers to use for these trials, at least one; `held` of them already exist.

    On a GPU it is one, since `device` names one device, and two workers would share its memory and its time.
    On the CPU the available cores and the available memory limit it: each trial needs cores for its own threads, and
    each new worker needs memory for the largest model.
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
    """Whether runs on `device` use the CPU; False if `auto` may find something better."""
    if device != "auto":
        return device == "cpu"
    if sys.platform == "darwin":
        return platform.machine() != "arm64"
    # CUDA takes the entries (numbers, GPU-... or MIG-...) up to the first that it does not know.
    first = os.environ.get("CUDA_VISIBLE_DEVICES", "all").partition(",")[0].strip()
    return first in ("", "-1") or not any(
        any(Path("/dev").glob(name)) for name in ("nvidia[0-9]*", "kfd", "dxg")
    )


def _cores() -> int:
    """The cores that this process may use, according to its affinity and the quota of its control group."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _quota()
    return cores if quota is None else max(1, min(cores, round(quota)))


def _quota() -> float | None:
    """The quota of the control group, in cores; None if there is no limit."""
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
    """The memory available without swapping; None if the system does not report it."""
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
