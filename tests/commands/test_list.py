"""The platform a run would land on, told without loading torch."""

from __future__ import annotations

import platform
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from harness.commands import list as module
from harness.commands.list import expected_platform


def test_an_explicit_cpu_is_named_after_the_machine() -> None:
    assert expected_platform("cpu") == f"cpu-{platform.machine().lower()}"


@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_cuda_stays_without_the_capability_that_only_the_driver_knows(device: str) -> None:
    assert expected_platform(device) == "cuda"


def torch_with(monkeypatch: pytest.MonkeyPatch, folder: Path, version: str | None) -> None:
    spec = ModuleSpec("torch", None, origin=str(folder / "__init__.py"))
    monkeypatch.setattr(module, "find_spec", lambda _name: None if version is None else spec)
    if version:
        (folder / "version.py").write_text(version)


CPU_BUILD = "__version__ = '2.13.0+cpu'\ncuda: Optional[str] = None\nhip: Optional[str] = None\n"
CUDA_BUILD = "__version__ = '2.13.0+cu130'\ncuda: Optional[str] = '13.0'\nhip: Optional[str] = None\n"


@pytest.mark.parametrize(
    ("version", "driver", "expected"),
    [
        (CUDA_BUILD, True, "cuda"),
        (CUDA_BUILD, False, "cpu-x86_64"),
        (CPU_BUILD, True, "cpu-x86_64"),
        ("", True, "cpu-x86_64"),
        (None, True, "cpu-x86_64"),
    ],
    ids=["both", "no driver", "cpu build", "no version file", "no torch"],
)
def test_auto_is_cuda_where_both_torch_and_the_driver_have_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str | None, driver: bool, expected: str
) -> None:
    torch_with(monkeypatch, tmp_path, version)
    monkeypatch.setattr(module, "_has_nvidia_driver", lambda: driver)
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(sys, "platform", "linux")
    assert expected_platform("auto") == expected


@pytest.mark.parametrize(("machine", "expected"), [("arm64", "mps-arm64"), ("x86_64", "cpu-x86_64")])
def test_auto_on_a_mac_depends_on_its_chip(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, machine: str, expected: str
) -> None:
    torch_with(monkeypatch, tmp_path, CPU_BUILD)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert expected_platform("auto") == expected


def test_what_it_reads_is_what_the_installed_torch_says() -> None:
    import torch

    assert module._torch_has_cuda() == (torch.version.cuda is not None)
