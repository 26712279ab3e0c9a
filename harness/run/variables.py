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
"""Environment variables by name; None unsets one that the caller has set."""


def variables_for(wished: Determinism) -> Variables:
    """The variables that a case with these switches sets itself; all others are inherited from the caller.

    Libraries size their thread pools when they load, so the thread count is among them; HARNESS_THREADS
    overrides that of every case. The variables of portable runs are set if the CPU supports those. Raises
    UsageError if HARNESS_THREADS is not a thread count.
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
    """The variables that make the process of every second run of a case start differently from the one before.

    Sets of strings then have another order, and memory has another layout, because other variables mean another
    process to fork from. A result that depends on the start of a process therefore differs between two runs.
    """
    return {"PYTHONHASHSEED": str((number - 1) % 2)}


def _threads_of_caller() -> str:
    threads = os.environ.get("HARNESS_THREADS", "")
    if threads and not (threads.isdecimal() and int(threads) > 0):
        raise UsageError(f"HARNESS_THREADS={threads}: not a thread count; set it to 1 or more, or unset it")
    return threads


def overridden_by(variables: Variables) -> Mapping[str, str]:
    """The caller's values, by name, that `variables` replace and that numeric results may depend on."""
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
    """Why no run can be portable on this CPU, in words; "" if runs can be."""
    try:
        cpu_info = Path(CPU_INFO).read_text(encoding="utf-8")
    except OSError:
        cpu_info = ""
    return cpu_obstacle(platform.machine(), cpu_info)


def can_be_portable() -> bool:
    """Whether this is an x86-64 CPU with AVX2 and FMA, according to Linux."""
    return not obstacle()
