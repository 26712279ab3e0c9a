"""Every switch that a case asks for is set, read back from torch, and reported where it is not in effect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from harness.core.case import Attention, Determinism
from harness.core.environment import Switches
from harness.worker.environment import determinism

STRICT = Determinism()
LOOSE = Determinism(
    algorithms=False,
    cudnn_benchmark=True,
    cudnn_deterministic=False,
    tf32=True,
    attention=Attention.DEFAULT,
    threads=2,
)


def effective(wished: Determinism) -> Switches:
    determinism.apply(wished, wished.threads)
    return determinism.read_back()


READERS: dict[str, Callable[[], object]] = {
    "deterministic_algorithms": torch.are_deterministic_algorithms_enabled,
    "cudnn_benchmark": lambda: torch.backends.cudnn.benchmark,
    "cudnn_deterministic": lambda: torch.backends.cudnn.deterministic,
    "tf32_matmul": lambda: torch.backends.cuda.matmul.allow_tf32,
    "tf32_cudnn": lambda: torch.backends.cudnn.allow_tf32,
    "float32_matmul_precision": torch.get_float32_matmul_precision,
    "threads": torch.get_num_threads,
}


@pytest.mark.parametrize(
    ("wished", "expected"),
    [
        (STRICT, (True, False, True, False, False, "highest", 1)),
        (LOOSE, (False, True, False, True, True, "high", 2)),
    ],
    ids=["strict", "loose"],
)
def test_each_switch_takes_effect_in_torch_and_is_read_back(
    wished: Determinism, expected: tuple[object, ...]
) -> None:
    effective(LOOSE if wished is STRICT else STRICT)
    switches = effective(wished)
    assert tuple(reader() for reader in READERS.values()) == expected
    assert tuple(getattr(switches, name) for name in READERS) == expected


CHANGES: dict[str, tuple[Callable[[], object], object]] = {
    "deterministic_algorithms": (lambda: torch.use_deterministic_algorithms(False), False),
    "cudnn_enabled": (lambda: setattr(torch.backends.cudnn, "enabled", False), False),
    "cudnn_benchmark": (lambda: setattr(torch.backends.cudnn, "benchmark", True), True),
    "cudnn_deterministic": (lambda: setattr(torch.backends.cudnn, "deterministic", False), False),
    "tf32_cudnn": (lambda: setattr(torch.backends.cudnn, "allow_tf32", True), True),
    "sdpa_backends": (lambda: torch.backends.cuda.enable_flash_sdp(True), ("math", "flash")),
    "threads": (lambda: torch.set_num_threads(2), 2),
    "onednn": (lambda: setattr(torch.backends.mkldnn, "enabled", False), False),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_read_back_is_what_torch_does_and_not_what_was_wished(name: str) -> None:
    before = effective(STRICT)
    change, value = CHANGES[name]
    try:
        change()
        after = determinism.read_back()
        assert after == replace(before, **{name: value})
        assert determinism.changed(before, after) == (
            f"switch {name}: the pipeline changed it from {getattr(before, name)} to {value} while it ran",
        )
    finally:
        torch.backends.cudnn.enabled = torch.backends.mkldnn.enabled = True


def test_tf32_of_matmul_and_of_cudnn_are_read_back_separately(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    effective(STRICT)
    torch.backends.cuda.matmul.allow_tf32 = True
    switches = determinism.read_back()
    assert (switches.tf32_matmul, switches.tf32_cudnn) == (True, False)
    assert determinism.not_in_effect(STRICT, 1, switches) == (
        "determinism.tf32 (matmul): False was requested, True is in effect",
    )


@pytest.mark.parametrize("attention", [Attention.MATH, Attention.FLASH, Attention.EFFICIENT, Attention.CUDNN])
def test_only_the_attention_backend_asked_for_is_left_on(attention: Attention) -> None:
    flags = {
        "math": torch.backends.cuda.math_sdp_enabled,
        "flash": torch.backends.cuda.flash_sdp_enabled,
        "efficient": torch.backends.cuda.mem_efficient_sdp_enabled,
        "cudnn": torch.backends.cuda.cudnn_sdp_enabled,
    }
    switches = effective(Determinism(attention=attention))
    assert [name for name, enabled in flags.items() if enabled()] == [attention]
    assert switches.sdpa_backends == (attention,)


def test_the_default_attention_leaves_all_backends_on() -> None:
    effective(STRICT)
    assert effective(Determinism(attention=Attention.DEFAULT)).sdpa_backends == (
        "math",
        "flash",
        "efficient",
        "cudnn",
    )


def test_what_took_effect_is_not_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    for wished in (STRICT, LOOSE):
        assert determinism.not_in_effect(wished, wished.threads, effective(wished)) == ()


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("deterministic_algorithms", False, "determinism.algorithms: True was requested, False is in effect"),
        ("cudnn_benchmark", True, "determinism.cudnn_benchmark: False was requested, True is in effect"),
        (
            "cudnn_deterministic",
            False,
            "determinism.cudnn_deterministic: True was requested, False is in effect",
        ),
        ("tf32_cudnn", True, "determinism.tf32 (cudnn): False was requested, True is in effect"),
        (
            "sdpa_backends",
            ("math", "flash"),
            "determinism.attention: ('math',) was requested, ('math', 'flash') is in effect",
        ),
        ("threads", 4, "determinism.threads: 1 was requested, 4 is in effect"),
        ("cublas_workspace", None, "determinism.cublas_workspace: :4096:8 was requested, None is in effect"),
    ],
)
def test_what_is_not_in_effect_is_reported(
    monkeypatch: pytest.MonkeyPatch, name: str, value: object, sentence: str
) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    switches = replace(effective(STRICT), **{name: value})
    assert determinism.not_in_effect(STRICT, 1, switches) == (sentence,)


def test_the_workspace_of_cublas_and_numeric_variables_are_those_of_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in determinism.read_back().variables:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    monkeypatch.setenv("MKL_CBWR", "COMPATIBLE")
    switches = determinism.read_back()
    assert switches.cublas_workspace == ":16:8"
    assert switches.variables == {"MKL_CBWR": "COMPATIBLE"}
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    assert determinism.read_back().cublas_workspace is None


def test_what_the_caller_had_set_and_the_case_decides_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("PYTHONHASHSEED", "0")
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    callers = {"PYTHONHASHSEED": "random", "OMP_NUM_THREADS": "8", "CUBLAS_WORKSPACE_CONFIG": ":16:8"}
    told = (
        "OMP_NUM_THREADS=8 of the environment is overridden: determinism.threads makes it 1",
        "PYTHONHASHSEED=random of the environment is overridden: the harness makes it 0",
    )
    workspace = "CUBLAS_WORKSPACE_CONFIG=:16:8 of the environment is overridden: determinism.cublas_workspace unsets it"
    assert determinism.overridden(callers, "cpu") == told
    assert determinism.overridden(callers, "cuda") == (workspace, *told)
    assert determinism.overridden({}, "cuda") == ()


def test_a_portable_run_decides_the_threads_of_openblas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    for asked, decider in (("1", "determinism.portable"), ("", "determinism.threads")):
        monkeypatch.setenv("HARNESS_PORTABLE", asked)
        told = determinism.overridden({"OPENBLAS_NUM_THREADS": "8", "OMP_NUM_THREADS": "8"}, "cpu")
        assert told == (
            "OMP_NUM_THREADS=8 of the environment is overridden: determinism.threads makes it 2",
            f"OPENBLAS_NUM_THREADS=8 of the environment is overridden: {decider} makes it 1",
        )


def test_the_instruction_set_is_the_one_that_torch_dispatches_to() -> None:
    assert determinism.read_back().cpu_capability == torch.backends.cpu.get_cpu_capability()


@pytest.mark.parametrize(("override", "threads"), [(None, 3), ("", 3), ("2", 2)])
def test_the_thread_count_is_the_cases_unless_the_caller_overrides_it(
    monkeypatch: pytest.MonkeyPatch, override: str | None, threads: int
) -> None:
    monkeypatch.delenv("HARNESS_THREADS", raising=False)
    if override is not None:
        monkeypatch.setenv("HARNESS_THREADS", override)
    assert determinism.thread_count(Determinism(threads=3)) == threads
