"""Whether this process computes what every portable machine computes, proven before it is believed."""

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
"""How numpy's names of instruction sets beyond AVX2 begin."""


@dataclass(frozen=True, slots=True)
class Portability:
    """Whether every cure is in effect; if it is not, the `reason`; and the known answers.

    `able` is whether this machine with this software can be portable at all: one that cannot has lost nothing.
    `remembered` tells that the answers are those of an earlier start.
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
    """Put the cures that the process itself has to bring into effect, and test all of them.

    `here` is the fingerprint of the process. Cheap where this machine was tested before; does nothing but look at the
    CPU unless portability was asked for.
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
    if wrong and found.remembered:  # perhaps by a mishap that is past
        found = known_answers.anew(machine)
        wrong = _wrong(found.digests, here)
    return Portability(not wrong, _told(wrong), found.digests, remembered=found.remembered)


def _wrong(digests: Mapping[str, str], here: Environment) -> list[str]:
    """The operations that others with the same software compute otherwise."""
    expected = on_record(here.software)
    return [name for name, one in digests.items() if expected.get(name, one) != one]


def establish(here: Environment) -> None:
    """`prove` for the life of this process."""
    _proven.append(prove(here))


def current() -> Portability:
    """What was proven of this process last."""
    return _proven[-1] if _proven else Portability()


def is_in_effect() -> bool:
    """Whether what was proven holds yet: a run may have changed what the process itself had brought."""
    return current().effective and not _missing()


def is_lost() -> bool:
    """Whether this process should be portable, could be, and is not."""
    return is_asked_for() and current().able and not is_in_effect()


def why_not() -> str:
    """Why this process is not portable; "" where it is, or where only the asking is missing."""
    return current().reason or (_missing() if is_asked_for() else "")


_proven: list[Portability] = []


def _out_of_reach() -> str:
    """What keeps this CPU with this software from being portable, in words; "" where nothing does."""
    if reason := cpu_obstacle(platform.machine(), _cpu_info()):
        return reason
    if not torch.backends.mkl.is_available():
        return "this build of torch computes without MKL"
    if built_for := _beyond_avx2(_numpy_core().__cpu_baseline__):
        return f"numpy {np.__version__} is built for {', '.join(built_for)} and cannot do without"
    if not elementary.can_be_installed():
        return f"torch {torch.__version__} lets nothing replace its square root; torch 2.9 and later do"
    return ""


def _missing() -> str:
    """The first cure that is missing, in words; "" where all are there."""
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
    """The CPU's features as the kernel tells them, under an emulator those of the real one, and as it says itself."""
    flags = next((line for line in _cpu_info().splitlines() if line.startswith("flags")), "")
    own = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return f"{flags.strip()} {sorted(own.items())}"


def _cpu_info() -> str:
    try:
        with open(CPU_INFO, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return ""


def _told(wrong: list[str]) -> str:
    return f"this machine computes other bits for {named_operations(wrong)}" if wrong else ""
