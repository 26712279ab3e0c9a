"""The environment variables that must be set before a worker's torch starts."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from harness.core.case import Determinism
from harness.core.portable.switches import CPU_INFO, cpu_obstacle
from harness.core.portable.switches import VARIABLES as PORTABLE
from harness.core.variables import THREAD_POOLS, decided_by
from harness.errors import UsageError

Variables = Mapping[str, str | None]
"""Environment variables by name; None unsets one that the caller has."""


def variables_for(wished: Determinism) -> Variables:
    """What a case with these switches sets itself; everything else is inherited from the caller.

    Thread pools are sized when the libraries load, so the thread count is part of it, unless
    HARNESS_THREADS overrides every case's. What makes a run portable is set where the CPU can be that. Raises
    UsageError where HARNESS_THREADS is no thread count.
    """
    threads = _threads_of_caller() or str(wished.threads)
    return {
        "CUBLAS_WORKSPACE_CONFIG": wished.cublas_workspace,
        **dict.fromkeys(THREAD_POOLS, threads),
        # String hashes order sets and dicts of names, in libraries as well.
        "PYTHONHASHSEED": "0",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONUNBUFFERED": "1",
        **(PORTABLE if wished.portable and can_be_portable() else {}),
    }


def other_start(number: int) -> Variables:
    """What lets the process of every second run of a case begin otherwise than that of the run before it.

    Sets of strings then have another order and, since other variables mean another process to fork from,
    everything lies elsewhere in memory: a result that depends on the start of a process differs between the two.
    """
    return {"PYTHONHASHSEED": str((number - 1) % 2)}


def _threads_of_caller() -> str:
    threads = os.environ.get("HARNESS_THREADS", "")
    if threads and not (threads.isdecimal() and int(threads) > 0):
        raise UsageError(f"HARNESS_THREADS={threads}: no thread count; set it to 1 or more, or unset it")
    return threads


def overridden_by(variables: Variables) -> Mapping[str, str]:
    """The caller's values, by name, of what `variables` set otherwise and numbers may depend on."""
    callers = {
        name: os.environ[name].strip() for name in variables if name in os.environ and decided_by(name)
    }
    return {name: value for name, value in callers.items() if value and value != variables[name]}


def process_environment(variables: Variables) -> dict[str, str]:
    """The caller's environment with `variables` applied."""
    merged = {**os.environ, **variables}
    return {name: value for name, value in merged.items() if value is not None}


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
