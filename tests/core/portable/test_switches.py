from __future__ import annotations

import pytest

from harness.core.portable.switches import NUMPY_VARIABLE, VARIABLES, cpu_obstacle

INFO = "processor\t: 0\nvendor_id\t: GenuineIntel\nflags\t\t: fpu sse2 {}\nbugs\t\t: none\n"


@pytest.mark.parametrize("machine", ["x86_64", "AMD64"])
def test_a_cpu_with_avx2_and_fma_can(machine: str) -> None:
    assert cpu_obstacle(machine, INFO.format("avx2 fma")) == ""


@pytest.mark.parametrize(
    ("machine", "info", "words"),
    [
        ("x86_64", INFO.format("avx fma"), "this CPU has no AVX2, which portable runs need"),
        ("x86_64", INFO.format("avx"), "this CPU has no AVX2 and no FMA, which portable runs need"),
        ("x86_64", INFO.format("avx2 fma4"), "this CPU has no FMA, which portable runs need"),
        ("aarch64", "", "this CPU is aarch64, but portable runs need x86-64"),
        ("arm64", INFO.format("avx2 fma"), "this CPU is arm64, but portable runs need x86-64"),
        (
            "x86_64",
            "",
            "this system does not say in /proc/cpuinfo whether its CPU has AVX2 and FMA, which portable runs need",
        ),
    ],
)
def test_any_other_is_explained_in_one_sentence(machine: str, info: str, words: str) -> None:
    assert cpu_obstacle(machine, info) == words


def test_the_variable_that_numpy_may_refuse_is_one_of_those_set() -> None:
    assert VARIABLES[NUMPY_VARIABLE]
