"""What a case sets wins over the caller's environment, everything else is inherited, None unsets."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from harness.core.case import Determinism
from harness.core.variables import DECIDED_BY
from harness.errors import UsageError
from harness.run.variables import can_be_portable, overridden_by, process_environment, variables_for


@pytest.fixture(autouse=True)
def _own_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HARNESS_THREADS", raising=False)


@pytest.mark.parametrize("workspace", [":4096:8", ":16:8", None])
def test_the_workspace_of_cublas_is_the_cases(workspace: str | None) -> None:
    assert variables_for(Determinism(cublas_workspace=workspace))["CUBLAS_WORKSPACE_CONFIG"] == workspace


def test_thread_pools_are_sized_as_the_case_says() -> None:
    variables = variables_for(Determinism(threads=3, portable=False))
    pools = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
    assert {variables[name] for name in pools} == {"3"}


CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []

PRODUCT = """\
import os, sys
os.sched_setaffinity(0, {int(core) for core in sys.argv[1:]})
import numpy
left, right = numpy.random.default_rng(0).standard_normal((2, 200, 200), numpy.float32)
print((left @ right).tobytes().hex())
"""


@pytest.mark.skipif(not can_be_portable(), reason="this CPU has no AVX2")
@pytest.mark.skipif(len(CORES) < 2, reason="needs two cores")
def test_how_many_cores_there_are_decides_no_product_of_numpy() -> None:
    variables = process_environment(variables_for(Determinism(threads=4, portable=True)))
    one, *others = map(str, CORES)
    products = {
        subprocess.run(
            [sys.executable, "-c", PRODUCT, *cores], env=variables, check=True, capture_output=True
        ).stdout
        for cores in ([one], [one, *others])
    }
    assert len(products) == 1


def test_the_caller_overrides_the_threads_of_every_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_THREADS", "2")
    variables = variables_for(Determinism(threads=3))
    assert (variables["OMP_NUM_THREADS"], variables["MKL_NUM_THREADS"]) == ("2", "2")


@pytest.mark.parametrize("threads", ["0", "-1", "two", "1.5", " "])
def test_threads_that_are_no_count_are_refused(monkeypatch: pytest.MonkeyPatch, threads: str) -> None:
    monkeypatch.setenv("HARNESS_THREADS", threads)
    with pytest.raises(
        UsageError, match=f"^HARNESS_THREADS={threads}: not a thread count; set it to 1 or more"
    ):
        variables_for(Determinism())


def test_hashes_of_strings_do_not_change_from_process_to_process() -> None:
    assert variables_for(Determinism())["PYTHONHASHSEED"] == "0"


def test_what_the_caller_had_set_otherwise_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in DECIDED_BY:
        monkeypatch.delenv(name, raising=False)
    variables = variables_for(Determinism(threads=2, cublas_workspace=None))
    assert overridden_by(variables) == {}
    callers = {
        "OMP_NUM_THREADS": "2",
        "MKL_NUM_THREADS": "8",
        "PYTHONHASHSEED": "0",
        "OPENBLAS_NUM_THREADS": "",
    }
    for name, value in {
        **callers,
        "CUBLAS_WORKSPACE_CONFIG": ":16:8",
        "TOKENIZERS_PARALLELISM": "true",
    }.items():
        monkeypatch.setenv(name, value)
    assert overridden_by(variables) == {"MKL_NUM_THREADS": "8", "CUBLAS_WORKSPACE_CONFIG": ":16:8"}


def test_the_caller_is_inherited_overridden_and_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("INHERITED", "OVERRIDDEN", "UNSET"):
        monkeypatch.setenv(name, "the caller's")
    merged = process_environment(
        {"OVERRIDDEN": "the case's", "UNSET": None, "ABSENT": None, "NEW": "the case's"}
    )
    shown = {name: merged.get(name) for name in ("INHERITED", "OVERRIDDEN", "UNSET", "ABSENT", "NEW")}
    assert shown == {
        "INHERITED": "the caller's",
        "OVERRIDDEN": "the case's",
        "UNSET": None,
        "ABSENT": None,
        "NEW": "the case's",
    }
