"""The fingerprint tells the hardware class, the device and the versions that this process computes with."""

from __future__ import annotations

import platform
import sys
from importlib import metadata
from pathlib import Path

import diffusers
import numpy
import pytest
import torch

from harness.worker.environment import determinism, fingerprint

CPU = torch.device("cpu")


def here() -> fingerprint.Environment:
    return fingerprint.environment(CPU, determinism.read_back())


def test_the_platform_of_a_cpu_is_named_after_its_machine() -> None:
    assert fingerprint.platform_name(CPU) == f"cpu-{platform.machine().lower()}"
    assert here().platform == fingerprint.platform_name(CPU)


@pytest.mark.gpu
def test_the_platform_of_a_gpu_is_named_after_its_compute_capability() -> None:
    major, minor = torch.cuda.get_device_capability()
    environment = fingerprint.environment(torch.device("cuda", 0), determinism.read_back())
    assert environment.platform == f"cuda-sm{major}{minor}"
    assert environment.hardware.gpu == torch.cuda.get_device_name()
    assert (environment.software.cuda, environment.hardware.cpu_model) == (torch.version.cuda, "")
    assert environment.software.cudnn == str(torch.backends.cudnn.version())
    assert environment.software.driver


@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="only Linux has /proc/cpuinfo")
def test_the_cpu_is_the_one_the_kernel_names() -> None:
    hardware, text = here().hardware, Path("/proc/cpuinfo").read_text()
    assert hardware.device == "cpu"
    for part in (hardware.cpu_vendor, hardware.cpu_model.partition(" (")[0]):
        assert part
        assert part in text
    assert (hardware.gpu, hardware.compute_capability, hardware.gpu_memory) == (None, None, None)


def test_packages_have_the_versions_that_are_imported() -> None:
    packages = here().software.packages
    assert packages["torch"] == torch.__version__
    assert packages["diffusers"] == diffusers.__version__
    assert packages["numpy"] == numpy.__version__
    assert packages["safetensors"] == metadata.version("safetensors")


def test_a_package_that_is_not_installed_is_left_out() -> None:
    installed = {distribution.name.lower().replace("_", "-") for distribution in metadata.distributions()}
    assert set(here().software.packages) == set(fingerprint.NUMERIC_PACKAGES) & installed


def test_a_run_on_a_cpu_has_no_cuda() -> None:
    software = here().software
    assert (software.cuda, software.cudnn, software.driver) == (None, None, None)
    assert software.python == platform.python_version()


def test_the_switches_are_those_handed_in() -> None:
    switches = determinism.read_back()
    assert fingerprint.environment(CPU, switches).switches is switches


def test_imported_are_the_distributions_of_the_modules_there_are() -> None:
    # pytest is imported by this very test, and computes nothing; torch stands among the others already.
    imported = fingerprint.with_imported(here()).software.imported
    assert imported["pytest"] == metadata.version("pytest")
    assert "torch" not in imported
    assert "typing-extensions" in imported
    assert not imported.keys() & here().software.packages.keys()
    unloaded = [name for name in ("pip", "mypy") if name not in sys.modules]
    assert not imported.keys() & set(unloaded)


def test_before_a_run_nothing_is_told_of_them() -> None:
    assert here().software.imported == {}


OPEN = """\
NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.159.04  Release Build  (dvs-builder@U22)
GCC version:  gcc version 12.3.0
"""
CLOSED = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.54  Thu Jun  1 00:00:00 UTC 2023\n"


@pytest.mark.parametrize(("text", "driver"), [(OPEN, "580.159.04"), (CLOSED, "535.54")])
def test_the_driver_of_both_kernel_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, driver: str
) -> None:
    monkeypatch.setattr(fingerprint, "_DRIVER", tmp_path / "version")
    (tmp_path / "version").write_text(text)
    assert fingerprint._driver.__wrapped__() == driver


def test_the_driver_where_the_kernel_hides_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprint, "_DRIVER", tmp_path / "version")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert fingerprint._driver.__wrapped__() is None
    smi = tmp_path / "nvidia-smi"
    smi.write_text("#!/bin/sh\necho 580.159.03\n")
    smi.chmod(0o755)
    assert fingerprint._driver.__wrapped__() == "580.159.03"
