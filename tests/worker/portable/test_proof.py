from __future__ import annotations

import dataclasses
import os

import pytest
import torch

from harness.core.portable import known_answers as words
from harness.core.portable.switches import MARK, VARIABLES
from harness.worker.portable import elementary, holes, known_answers, proof
from tests.core.samples import ENVIRONMENT

ANSWERS = {"exp float32": "11111111", "conv2d float32": "22222222"}


@pytest.fixture
def portable(monkeypatch, tmp_path):
    """A process in which every cure is in effect, but for the real libraries, with two known answers."""
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value) if value is not None else monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: True)
    monkeypatch.setattr(proof, "_numpy_beyond_avx2", list)
    monkeypatch.setattr(proof, "_cpu_info", lambda: "flags : avx2 fma")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr(known_answers, "computed", lambda: dict(ANSWERS))
    monkeypatch.setattr(words, "_record", list)
    monkeypatch.setattr(proof, "_proven", [])
    yield
    elementary.uninstall()
    holes.unwatch()


def _on_record(monkeypatch, answers):
    builds = dict(words.builds(ENVIRONMENT.software))
    monkeypatch.setattr(words, "_record", lambda: [{"builds": builds, "answers": answers}])


def test_with_every_cure_in_effect_it_is_portable(portable):
    assert proof.prove(ENVIRONMENT) == proof.Portability(True, "", ANSWERS)
    assert proof.prove(ENVIRONMENT).remembered
    assert elementary.is_correctly_rounded()


def test_a_wrong_answer_that_was_remembered_is_computed_once_more(portable, monkeypatch):
    monkeypatch.setattr(known_answers, "computed", lambda: ANSWERS | {"exp float32": "a mishap"})
    _on_record(monkeypatch, ANSWERS)
    assert not proof.prove(ENVIRONMENT).effective

    monkeypatch.setattr(known_answers, "computed", lambda: dict(ANSWERS))
    assert proof.prove(ENVIRONMENT) == proof.Portability(True, "", ANSWERS)
    assert proof.prove(ENVIRONMENT).remembered


def test_what_nobody_asked_for_is_not_tried(portable, monkeypatch):
    monkeypatch.delenv(MARK, raising=False)

    assert proof.prove(ENVIRONMENT) == proof.Portability()
    proof.establish(ENVIRONMENT)
    assert not proof.is_lost()
    assert proof.why_not() == ""


def test_a_worker_that_is_not_asked_because_of_its_cpu_knows_the_reason(portable, monkeypatch):
    monkeypatch.delenv(MARK, raising=False)
    monkeypatch.setattr(proof, "_cpu_info", lambda: "flags : sse2")
    proof.establish(ENVIRONMENT)

    assert proof.why_not() == "this CPU has no AVX2 and no FMA, which portable runs need"
    assert not proof.is_lost()


@pytest.mark.parametrize(
    "name", [name for name, value in VARIABLES.items() if value is not None and name != MARK]
)
def test_a_lost_variable_is_named(portable, monkeypatch, name):
    monkeypatch.delenv(name)

    found = proof.prove(ENVIRONMENT)

    assert not found.effective
    assert found.reason == f"{name} is not set instead of {VARIABLES[name]}"


def test_a_variable_that_acts_against_it_is_named(portable, monkeypatch):
    monkeypatch.setenv("DNNL_MAX_CPU_ISA", "AVX512_CORE")

    assert proof.prove(ENVIRONMENT).reason == "DNNL_MAX_CPU_ISA is AVX512_CORE instead of unset"


def test_kernels_for_another_instruction_set_are_named(portable, monkeypatch):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "DEFAULT")

    assert proof.prove(ENVIRONMENT).reason == "torch chose its kernels for DEFAULT instead of AVX2"


class _Numpy:
    __cpu_baseline__ = ("X86_V2", "X86_V4")


@pytest.mark.parametrize(
    ("target", "name", "value", "words"),
    [
        (torch.backends.mkl, "is_available", lambda: False, "this build of torch computes without MKL"),
        (elementary, "can_be_installed", lambda: False, "use torch 2.9 or later"),
        (proof, "_numpy_core", lambda: _Numpy, "is built for X86_V4 and cannot turn it off"),
        (proof, "_cpu_info", lambda: "flags : avx2", "this CPU has no FMA, which portable runs need"),
        (proof, "_cpu_info", str, "this system does not say in /proc/cpuinfo"),
    ],
    ids=["mkl", "torch before 2.9", "numpy's baseline", "fma", "no cpuinfo"],
)
def test_a_machine_that_cannot_has_a_reason_and_has_lost_nothing(
    portable, monkeypatch, target, name, value, words
):
    monkeypatch.setattr(target, name, value)
    # Without the variable, as such a numpy is started, the reason is still numpy's.
    monkeypatch.delenv("NPY_DISABLE_CPU_FEATURES")
    proof.establish(ENVIRONMENT)

    assert words in proof.why_not()
    assert not proof.current().effective
    assert not proof.is_lost()


def test_a_square_root_that_was_not_replaced_is_caught(portable, monkeypatch):
    monkeypatch.setattr(elementary, "install", lambda: None)
    proof.establish(ENVIRONMENT)

    assert proof.why_not() == f"the square root of torch {torch.__version__} is not rounded correctly"
    assert proof.is_lost()


def test_a_lost_square_root_is_seen_after_the_run(portable):
    proof.establish(ENVIRONMENT)
    assert proof.is_in_effect()

    elementary.uninstall()

    assert not proof.is_in_effect()
    assert proof.is_lost()
    assert "square root" in proof.why_not()


def test_other_bits_than_on_record_name_the_operation(portable, monkeypatch):
    _on_record(monkeypatch, {**ANSWERS, "conv2d float32": "deadbeef"})

    found = proof.prove(ENVIRONMENT)

    assert not found.effective
    assert found.reason == "this machine computes different bits for conv2d float32"
    assert found.answers == ANSWERS
    proof.establish(ENVIRONMENT)
    assert proof.is_lost()


def test_the_right_answers_on_record_are_believed(portable, monkeypatch):
    _on_record(monkeypatch, ANSWERS)

    assert proof.prove(ENVIRONMENT).effective


def test_builds_without_a_record_are_believed_here_and_compared_by_their_goldens(portable):
    assert proof.prove(ENVIRONMENT).effective


def test_numpys_choice_beyond_avx2_is_seen():
    # The test process has no list of disabled features: whatever the CPU has is enabled.
    import numpy as np

    features = np._core._multiarray_umath.__cpu_features__
    beyond = [
        name for name in np._core._multiarray_umath.__cpu_dispatch__ if "512" in name or name == "X86_V4"
    ]
    if "NPY_DISABLE_CPU_FEATURES" in os.environ:
        pytest.skip("the caller disables features of numpy")

    assert proof._numpy_beyond_avx2() == [name for name in beyond if features[name]]


def test_the_environment_of_a_machine_names_its_cpu_and_builds():
    here = ENVIRONMENT
    other = dataclasses.replace(here, hardware=dataclasses.replace(here.hardware, cpu_model="another"))

    assert proof._machine(here) != proof._machine(other)
