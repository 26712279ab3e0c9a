"""The device a job names, or the reason why it cannot be had."""

from __future__ import annotations

import pytest
import torch

from harness.worker.environment.devices import DeviceUnavailable, choose

CUDA = torch.cuda.is_available()
MPS = torch.backends.mps.is_available()


def test_the_cpu_can_always_be_had() -> None:
    assert choose("cpu") == torch.device("cpu")


@pytest.mark.skipif(CUDA or MPS, reason="this machine has an accelerator")
def test_auto_without_an_accelerator_is_the_cpu() -> None:
    assert choose("auto") == torch.device("cpu")


@pytest.mark.skipif(CUDA, reason="this machine has a CUDA device")
@pytest.mark.parametrize("name", ["cuda", "cuda:1"])
def test_cuda_that_is_not_there_says_why(name: str) -> None:
    why = "is built without CUDA" if torch.version.cuda is None else "finds no usable GPU"
    with pytest.raises(
        DeviceUnavailable, match=rf"^{name}: torch {torch.__version__.replace('+', '.')} {why}"
    ):
        choose(name)


@pytest.mark.skipif(MPS, reason="this machine has a Metal device")
def test_mps_that_is_not_there_says_why() -> None:
    with pytest.raises(
        DeviceUnavailable, match=r"^mps: this machine or this torch build has no Metal device"
    ):
        choose("mps")


@pytest.mark.gpu
def test_auto_with_a_gpu_is_cuda() -> None:
    assert choose("auto") == torch.device("cuda", 0)


@pytest.mark.gpu
def test_a_gpu_beyond_the_last_says_how_many_there_are() -> None:
    with pytest.raises(
        DeviceUnavailable, match=f"there are {torch.cuda.device_count()} GPUs, numbered from 0"
    ):
        choose(f"cuda:{torch.cuda.device_count()}")


def test_a_fork_that_lost_the_driver_is_an_error_and_skips_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "_is_in_bad_fork", lambda: True)
    with pytest.raises(RuntimeError, match=r"^cuda:0: CUDA was started before this process was forked"):
        choose("cuda:0")
