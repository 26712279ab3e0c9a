"""The relation between two fingerprints, and the entries in which they differ."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.core.environment import (
    Change,
    Environment,
    changes_between,
    differing_answers,
    relation_between,
    same_software,
)
from harness.core.tolerance import Relation
from tests.core.samples import ENVIRONMENT

GPU = replace(
    ENVIRONMENT,
    platform="cuda-sm90",
    hardware=replace(
        ENVIRONMENT.hardware, device="cuda", gpu="H200", compute_capability="9.0", multiprocessors=132
    ),
    software=replace(ENVIRONMENT.software, cuda="13.0", cudnn="91000", driver="580.1"),
)


def _software(environment: Environment = ENVIRONMENT, **changes: object) -> Environment:
    return replace(environment, software=replace(environment.software, **changes))


def _hardware(environment: Environment = ENVIRONMENT, **changes: object) -> Environment:
    return replace(environment, hardware=replace(environment.hardware, **changes))


def _switches(**changes: object) -> Environment:
    return replace(ENVIRONMENT, switches=replace(ENVIRONMENT.switches, **changes))


@pytest.mark.parametrize(
    "now",
    [
        ENVIRONMENT,
        _software(os="Linux 6.8"),
        _software(packages={**ENVIRONMENT.software.packages, "peft": "0.19"}),
        _software(packages={"torch": "2.13.0+cpu"}),
        _software(imported={"rich": "14.0"}),
    ],
    ids=["nothing differs", "the kernel", "a package came", "a package went", "one that changes no number"],
)
def test_same(now: Environment) -> None:
    assert relation_between(ENVIRONMENT, now) is Relation.SAME


def _portable(**changes: object) -> Environment:
    """ENVIRONMENT as a portable run has it; `changes` are of the environment itself."""
    answers = {"exp float32": "aa", "conv2d float32": "bb"}
    return replace(_switches(portable=True), **{"known_answers": answers, **changes})


OTHER_CPU = replace(ENVIRONMENT.hardware, cpu_vendor="AuthenticAMD", cpu_model="EPYC (25/17)")


@pytest.mark.parametrize(
    "now",
    [
        _portable(hardware=OTHER_CPU),
        _portable(hardware=OTHER_CPU, known_answers={"exp float32": "aa"}),
        _portable(hardware=OTHER_CPU, known_answers={}),
    ],
    ids=["all answers alike", "an operation that this harness does not try", "no answers"],
)
def test_portable_runs_are_the_same_on_any_two_cpus(now: Environment) -> None:
    assert relation_between(_portable(), now) is Relation.SAME
    assert relation_between(now, _portable()) is Relation.SAME


@pytest.mark.parametrize(
    ("golden", "now"),
    [
        (_portable(), _portable(hardware=OTHER_CPU, known_answers={"exp float32": "ab"})),
        (_portable(), replace(ENVIRONMENT, hardware=OTHER_CPU)),
        (ENVIRONMENT, _portable(hardware=OTHER_CPU)),
        (ENVIRONMENT, replace(ENVIRONMENT, hardware=OTHER_CPU)),
        (_portable(), _portable(hardware=OTHER_CPU, software=replace(ENVIRONMENT.software, python="3.12.1"))),
        (_portable(), _portable(hardware=OTHER_CPU, switches=replace(_portable().switches, threads=2))),
    ],
    ids=["another answer", "not portable now", "not portable then", "never portable", "software", "threads"],
)
def test_other_cpus_are_judged_by_limits_where_a_run_is_not_proven_portable(
    golden: Environment, now: Environment
) -> None:
    assert relation_between(golden, now) is Relation.SAME_HARDWARE


def test_another_architecture_stays_cross_hardware_however_portable() -> None:
    arm = _portable(platform="cpu-aarch64", hardware=replace(OTHER_CPU, machine="aarch64"))

    assert relation_between(_portable(), arm) is Relation.CROSS_HARDWARE


def test_the_c_library_is_software() -> None:
    golden, now = _software(libc="glibc 2.36"), _software(libc="glibc 2.41")

    assert relation_between(golden, now) is Relation.SAME_HARDWARE
    assert relation_between(ENVIRONMENT, now) is Relation.SAME  # recorded before it was known
    assert [change.what for change in changes_between(golden, now)] == ["software.libc"]


def test_known_answers_are_told_by_their_own_command_alone() -> None:
    golden, now = _portable(), _portable(known_answers={"exp float32": "ab"})

    assert changes_between(golden, now) == ()
    assert changes_between(golden, now, imported=True) == ()
    assert differing_answers(golden, now) == ("exp float32",)


@pytest.mark.parametrize(
    ("golden", "now"),
    [
        (ENVIRONMENT, _software(packages={"torch": "2.14.0+cpu", "numpy": "2.1.0"})),
        (ENVIRONMENT, _software(python="3.12.1")),
        (GPU, _software(GPU, cuda="13.1")),
        (GPU, _software(GPU, cudnn="92000")),
        (GPU, _software(GPU, driver="590.2")),
        (ENVIRONMENT, _hardware(cpu_model="EPYC (25/1)")),
        (GPU, _hardware(GPU, gpu_memory=10**11)),
        (ENVIRONMENT, _switches(threads=2)),
        (ENVIRONMENT, _switches(cpu_capability="DEFAULT")),
        (ENVIRONMENT, _switches(variables={"MKL_CBWR": "AVX2"})),
    ],
    ids=[
        "torch",
        "python",
        "cuda",
        "cudnn",
        "driver",
        "cpu model",
        "gpu memory",
        "threads",
        "instruction set",
        "variable",
    ],
)
def test_same_hardware(golden: Environment, now: Environment) -> None:
    assert relation_between(golden, now) is Relation.SAME_HARDWARE


@pytest.mark.parametrize(
    ("golden", "now"),
    [
        (ENVIRONMENT, GPU),
        (GPU, _hardware(GPU, gpu="H100")),
        (GPU, _hardware(GPU, multiprocessors=114)),
    ],
    ids=["platform", "gpu", "multiprocessors"],
)
def test_cross_hardware_also_within_a_platform_and_with_other_software(
    golden: Environment, now: Environment
) -> None:
    assert relation_between(golden, now) is Relation.CROSS_HARDWARE
    assert relation_between(golden, _software(now, python="3.13.0")) is Relation.CROSS_HARDWARE


def test_changes_are_named_by_their_dotted_place_in_alphabetical_order() -> None:
    now = _software(packages={"torch": "2.14.0", "peft": "0.19"})
    now = replace(now, switches=replace(now.switches, sdpa_backends=("math", "flash"), cublas_workspace=None))
    assert changes_between(ENVIRONMENT, now) == (
        Change("software.packages.numpy", "2.1.0", None),
        Change("software.packages.peft", None, "0.19"),
        Change("software.packages.torch", "2.13.0+cpu", "2.14.0"),
        Change("switches.cublas_workspace", ":4096:8", None),
        Change("switches.sdpa_backends", "math", "math, flash"),
    )


def test_the_same_environment_has_no_changes() -> None:
    assert changes_between(GPU, GPU) == ()


def test_packages_that_change_no_number_are_compared_on_request() -> None:
    golden, now = _software(imported={"rich": "13.0"}), _software(imported={"rich": "14.0"})
    assert changes_between(golden, now) == ()
    assert changes_between(golden, now, imported=True) == (Change("software.imported.rich", "13.0", "14.0"),)


def test_hardware_and_switches_are_no_software() -> None:
    for now in (_hardware(cpu_model="Another"), _switches(threads=4), _software(os="Linux 6.8")):
        assert same_software(ENVIRONMENT, now)
    for now in (_software(python="3.12.1"), _software(packages={"torch": "2.12.0"}), _software(driver="1")):
        assert not same_software(ENVIRONMENT, now)
