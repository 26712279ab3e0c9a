"""The fingerprint of a run, and the relation between two of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field

from harness.core.tolerance import Relation


@dataclass(frozen=True, slots=True)
class Hardware:
    """The device that computed. `gpu` fields are None on a CPU; memory is in bytes."""

    device: str
    machine: str
    cpu_vendor: str
    cpu_model: str
    gpu: str | None = None
    compute_capability: str | None = None
    multiprocessors: int | None = None
    gpu_memory: int | None = None


@dataclass(frozen=True, slots=True)
class Software:
    """What ran on it; `packages` holds the versions of the packages that can change a number.

    `imported` holds those of every other package that the run had imported when it ended: `harness env` shows and
    compares them, and they decide no relation. `libc` is the C library with its version, if known.
    """

    os: str
    python: str
    cuda: str | None = None
    cudnn: str | None = None
    driver: str | None = None
    packages: Mapping[str, str] = field(default_factory=dict)
    imported: Mapping[str, str] = field(default_factory=dict)
    libc: str | None = None


@dataclass(frozen=True, slots=True)
class Switches:
    """The numeric switches in effect, as read back from torch after they were set.

    `portable` says that every measure of docs/portable.md is in effect and that the known-answer test passed.
    """

    deterministic_algorithms: bool
    cudnn_enabled: bool
    cudnn_benchmark: bool
    cudnn_deterministic: bool
    tf32_matmul: bool
    tf32_cudnn: bool
    float32_matmul_precision: str
    sdpa_backends: tuple[str, ...]
    threads: int
    interop_threads: int
    cpu_capability: str
    onednn: bool
    cublas_workspace: str | None
    variables: Mapping[str, str] = field(default_factory=dict)
    portable: bool = False


@dataclass(frozen=True, slots=True)
class Environment:
    """The complete fingerprint of a run; `platform` is the hardware class that its golden stands for.

    `known_answers` are digests of what the machine computed for a table of operations, by name; empty if
    no portable run was requested. `not_portable` says why a run that should be portable is not.
    """

    platform: str
    hardware: Hardware
    software: Software
    switches: Switches
    known_answers: Mapping[str, str] = field(default_factory=dict)
    not_portable: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the fingerprint that differs; None for a side that lacks it."""

    what: str
    golden: str | None
    now: str | None


def relation_between(golden: Environment, now: Environment) -> Relation:
    """The relation whose tolerance judges a run in `now` against a golden recorded in `golden`.

    Another platform is `cross-hardware`, and so is another GPU model within one: a seeded stream on a GPU
    depends on its number of multiprocessors. CPUs of one architecture run the same code with different
    instruction sets, which a variable or a library can change as well. Another CPU model therefore counts like
    versions, drivers and switches: `same-hardware`, unless both runs are portable. A package that only one
    side has cannot have been replaced and does not count.
    """
    if golden.platform != now.platform or _gpu(golden.hardware) != _gpu(now.hardware):
        return Relation.CROSS_HARDWARE
    same_machine = golden.hardware == now.hardware or is_portable_between(golden, now)
    same_switches = golden.switches == now.switches
    same = same_machine and same_switches and same_software(golden, now)
    return Relation.SAME if same else Relation.SAME_HARDWARE


def is_portable_between(golden: Environment, now: Environment) -> bool:
    """Whether the bits of two runs are independent of their x86-64 CPUs: both portable, and no known answer differs."""
    both = golden.switches.portable and now.switches.portable
    on_cpus = golden.hardware.device == now.hardware.device == "cpu"
    return both and on_cpus and not differing_answers(golden, now)


def differing_answers(golden: Environment, now: Environment) -> tuple[str, ...]:
    """The operations of the known-answer test that both sides computed with different results."""
    ours, theirs = golden.known_answers, now.known_answers
    return tuple(name for name in ours if theirs.get(name, ours[name]) != ours[name])


def same_software(golden: Environment, now: Environment) -> bool:
    """Whether Python, the driver, the C and CUDA libraries, and every package that both sides have are the same."""
    ours, theirs = golden.software, now.software
    if None not in (ours.libc, theirs.libc) and ours.libc != theirs.libc:
        return False
    shared = ours.packages.keys() & theirs.packages.keys()
    same_packages = all(ours.packages[name] == theirs.packages[name] for name in shared)
    same_rest = (ours.python, ours.cuda, ours.cudnn, ours.driver) == (
        theirs.python,
        theirs.cuda,
        theirs.cudnn,
        theirs.driver,
    )
    return same_packages and same_rest


_IMPORTED = "software.imported."
_ANSWERS = "known_answers."


def _gpu(hardware: Hardware) -> tuple[object, ...]:
    # Not the memory: drivers report different values for the same card, and no number depends on it.
    return hardware.gpu, hardware.compute_capability, hardware.multiprocessors


def changes_between(golden: Environment, now: Environment, *, imported: bool = False) -> tuple[Change, ...]:
    """Every entry that differs between the two fingerprints, by dotted name in alphabetical order.

    Packages that cannot change a number are included only with `imported`.
    """
    ours, theirs = dict(_entries(asdict(golden))), dict(_entries(asdict(now)))
    left_out = (_ANSWERS,) if imported else (_IMPORTED, _ANSWERS)
    names = sorted(name for name in ours.keys() | theirs.keys() if not name.startswith(left_out))
    return tuple(
        Change(name, ours.get(name), theirs.get(name)) for name in names if ours.get(name) != theirs.get(name)
    )


def entries(environment: Environment) -> Mapping[str, str]:
    """Every entry present in the fingerprint, by dotted name, without the known answers."""
    found = _entries(asdict(environment))
    return {name: value for name, value in found if value is not None and not name.startswith(_ANSWERS)}


def _entries(values: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str | None]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _entries(value, f"{prefix}{key}.")
        elif value is not None:
            yield f"{prefix}{key}", ", ".join(value) if isinstance(value, tuple) else str(value)
