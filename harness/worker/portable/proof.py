"""Prove whether this process computes the same bits as every portable machine."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch

from harness.core.environment import Environment, Hardware
from harness.core.portable.known_answers import builds, on_record
from harness.core.portable.portability import named_operations
from harness.core.portable.switches import CPU_INFO, MARK, VARIABLES, cpu_obstacle
from harness.worker.portable import elementary, holes, known_answers

_BEYOND_AVX2 = ("AVX512", "X86_V4")
"""Prefixes of numpy's names for instruction sets beyond AVX2."""


@dataclass(frozen=True, slots=True)
class Portability:
    """Whether every cure is in effect; if not, the `reason`; and the known answers.

    `able` says whether this machine with this software can be portable at all: if it cannot, nothing is lost.
    `remembered` says that the answers are from an earlier start.
    """

    effective: bool = False
    reason: str = ""
    answers: Mapping[str, str] = field(default_factory=dict)
    able: bool = True
    remembered: bool = False


def is_asked_for() -> bool:
    """Whether this process was started to be portable."""
    return os.environ.get(MARK) == "1"


def prove(here: Environment) -> Portability:
    """Install the cures that the process itself provides, and test all of them.

    `here` is the fingerprint of the process. Cheap if this machine was tested before; unless portability was
    requested, it only looks at the CPU.
    """
    if not is_asked_for():
        reason = cpu_obstacle(platform.machine(), _cpu_info())
        return Portability(reason=reason, able=not reason)
    elementary.install()
    holes.watch()
    if reason := _out_of_reach():
        return Portability(reason=reason, able=False)
    if reason := _missing():
        return Portability(reason=reason)
    machine = _machine(here)
    found = known_answers.remembered(machine)
    wrong = _wrong(found.digests, here)
    if wrong and found.remembered:  # it may have been a transient error
        found = known_answers.anew(machine)
        wrong = _wrong(found.digests, here)
    return Portability(not wrong, _difference(wrong), found.digests, remembered=found.remembered)


def _wrong(digests: Mapping[str, str], here: Environment) -> list[str]:
    """The operations whose results differ from the record for the same software."""
    expected = on_record(here.software)
    return [name for name, one in digests.items() if expected.get(name, one) != one]


def establish(here: Environment) -> None:
    """`prove` for the lifetime of this process."""
    _proven.append(prove(here))


def current() -> Portability:
    """The last result of `prove` for this process."""
    return _proven[-1] if _proven else Portability()


def is_in_effect() -> bool:
    """Whether the proof still holds: a run may have undone the cures of the process."""
    return current().effective and not _missing()


def is_lost() -> bool:
    """Whether this process should be portable, could be, and is not."""
    return is_asked_for() and current().able and not is_in_effect()


def why_not() -> str:
    """Why this process is not portable; "" if it is, or if portability was not requested."""
    return current().reason or (_missing() if is_asked_for() else "")


_proven: list[Portability] = []


def _out_of_reach() -> str:
    """What keeps this CPU with this software from being portable, in words; "" if nothing does."""
    if reason := cpu_obstacle(platform.machine(), _cpu_info()):
        return reason
    if not torch.backends.mkl.is_available():
        return "this build of torch computes without MKL"
    if built_for := _beyond_avx2(_numpy_core().__cpu_baseline__):
        return f"numpy {np.__version__} is built for {', '.join(built_for)} and cannot turn it off"
    if not elementary.can_be_installed():
        return f"torch {torch.__version__} has no way to replace its square root; use torch 2.9 or later"
    return ""


def _missing() -> str:
    """The first missing cure, in words; "" if none is missing."""
    for name, value in VARIABLES.items():
        if os.environ.get(name) != value:
            return f"{name} is {os.environ.get(name) or 'not set'} instead of {value or 'unset'}"
    if (capability := torch.backends.cpu.get_cpu_capability()) != "AVX2":
        return f"torch chose its kernels for {capability} instead of AVX2"
    if enabled := _numpy_beyond_avx2():
        return f"numpy chooses by {', '.join(enabled)}"
    if not elementary.is_correctly_rounded():
        return f"the square root of torch {torch.__version__} is not rounded correctly"
    return ""


def _numpy_beyond_avx2() -> list[str]:
    features = _numpy_core().__cpu_features__
    return [name for name in _beyond_avx2(_numpy_core().__cpu_dispatch__) if features.get(name)]


def _beyond_avx2(names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(_BEYOND_AVX2)]


def _numpy_core():  # type: ignore[no-untyped-def]
    return (getattr(np, "_core", None) or np.core)._multiarray_umath


def _machine(here: Environment) -> Mapping[str, object]:
    hardware: Hardware = here.hardware
    variables = {name: os.environ.get(name) for name in VARIABLES}
    return {
        "cpu": [hardware.machine, hardware.cpu_vendor, hardware.cpu_model, _features()],
        "builds": dict(builds(here.software)),
        "variables": variables | dict(here.switches.variables),
    }


def _features() -> str:
    """The CPU's features from the kernel (under an emulator, the real CPU's) and from the CPU itself."""
    flags = next((line for line in _cpu_info().splitlines() if line.startswith("flags")), "")
    own = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return f"{flags.strip()} {sorted(own.items())}"


def _cpu_info() -> str:
    try:
        with open(CPU_INFO, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return ""


def _difference(wrong: list[str]) -> str:
    return f"this machine computes different bits for {named_operations(wrong)}" if wrong else ""
