"""Whether this process computes what every portable machine computes, proven before it is believed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch

from harness.core.environment import Environment, Hardware
from harness.core.known_answers import builds, on_record
from harness.core.portable import MARK, VARIABLES
from harness.worker.portable import elementary, known_answers

_NAMED = 3  # operations told in a sentence


@dataclass(frozen=True, slots=True)
class Portability:
    """Whether every cure is in effect; if it was asked for in vain, the `reason`; and the known answers."""

    effective: bool = False
    reason: str = ""
    answers: Mapping[str, str] = field(default_factory=dict)


def is_asked_for() -> bool:
    """Whether this process was started to be portable."""
    return os.environ.get(MARK) == "1"


def prove(here: Environment) -> Portability:
    """Put the cures that the process itself has to bring into effect, and test all of them.

    `here` is the fingerprint of the process. Cheap where this machine was tested before; does nothing unless
    portability was asked for.
    """
    if not is_asked_for():
        return Portability()
    elementary.install()
    if reason := _not_in_effect():
        return Portability(reason=reason)
    answers = known_answers.remembered(_machine(here))
    expected = on_record(here.software)
    wrong = [name for name in answers if expected.get(name, answers[name]) != answers[name]]
    return Portability(not wrong, _told(wrong) if wrong else "", answers)


def establish(here: Environment) -> None:
    """`prove` for the life of this process."""
    _proven.append(prove(here))


def current() -> Portability:
    """What was proven of this process last."""
    return _proven[-1] if _proven else Portability()


def is_in_effect() -> bool:
    """Whether what was proven holds yet: a run may have changed what the process itself had brought."""
    return current().effective and not _not_in_effect()


def why_not() -> str:
    """Why this process is not portable although it was asked to be."""
    return current().reason or _not_in_effect()


_proven: list[Portability] = []


def _not_in_effect() -> str:
    """The first cure that is missing, in words; "" where all are there."""
    for name, value in VARIABLES.items():
        if os.environ.get(name) != value:
            return f"{name} is {os.environ.get(name) or 'not set'} instead of {value or 'unset'}"
    if not torch.backends.mkl.is_available():
        return "this build of torch computes without MKL"
    if (capability := torch.backends.cpu.get_cpu_capability()) != "AVX2":
        return f"torch chose its kernels for {capability} instead of AVX2"
    if enabled := _numpy_beyond_avx2():
        return f"numpy chooses by {', '.join(enabled)}"
    if not elementary.is_correctly_rounded():
        return (
            f"torch {torch.__version__} does not round its square root correctly and lets nothing replace it"
        )
    return ""


def _numpy_beyond_avx2() -> list[str]:
    core = getattr(np, "_core", None) or np.core
    features = core._multiarray_umath.__cpu_features__
    dispatched = core._multiarray_umath.__cpu_dispatch__
    return [name for name in dispatched if name.startswith(("AVX512", "X86_V4")) and features.get(name)]


def _machine(here: Environment) -> Mapping[str, object]:
    hardware: Hardware = here.hardware
    variables = {name: os.environ.get(name) for name in VARIABLES}
    return {
        "cpu": [hardware.machine, hardware.cpu_vendor, hardware.cpu_model, _features()],
        "builds": dict(builds(here.software)),
        "variables": variables | dict(here.switches.variables),
    }


def _features() -> str:
    """The CPU's features as the kernel and the C library see them; under an emulator those of the emulated one."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            flags = next((line for line in file if line.startswith("flags")), "")
    except OSError:
        flags = ""
    return f"{flags.strip()} {torch.backends.cpu.get_cpu_capability()}"


def _told(wrong: list[str]) -> str:
    more = f" and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
    return f"this machine computes other bits for {', '.join(wrong[:_NAMED])}{more}"
