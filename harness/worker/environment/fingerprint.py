"""Read the fingerprint of this process: hardware, software, and the switches in effect."""

from __future__ import annotations

import platform
import re
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cache
from importlib import metadata
from pathlib import Path

import torch

from harness.core.environment import Environment, Hardware, Software, Switches
from harness.worker.portable import proof

NUMERIC_PACKAGES = (
    "accelerate",
    "beautifulsoup4",
    "bitsandbytes",
    "diffusers",
    "flash-attn",
    "ftfy",
    "gguf",
    "huggingface-hub",
    "imageio",
    "invisible-watermark",
    "k-diffusion",
    "librosa",
    "nvidia-cublas",
    "nvidia-cublas-cu12",
    "nvidia-cudnn-cu12",
    "nvidia-cudnn-cu13",
    "numpy",
    "opencv-python",
    "opencv-python-headless",
    "optimum-quanto",
    "peft",
    "pillow",
    "protobuf",
    "safetensors",
    "scikit-image",
    "scipy",
    "sentencepiece",
    "tokenizers",
    "torch",
    "torchao",
    "torchaudio",
    "torchsde",
    "torchvision",
    "transformers",
    "triton",
    "xformers",
)
"""Distributions whose code takes part in computing a pipeline's output."""

_DRIVER = Path("/proc/driver/nvidia/version")


def environment(device: torch.device, switches: Switches) -> Environment:
    """The fingerprint of a run on `device` under `switches`."""
    return Environment(
        platform_name(device),
        _hardware(device),
        software(device),
        switches,
        known_answers=proof.current().answers,
        not_portable=None if switches.portable else proof.why_not() or None,
    )


def with_imported(environment: Environment) -> Environment:
    """The fingerprint with the versions of every other distribution that this process has imported by now."""
    known = {_normal(name) for name in environment.software.packages}
    found = {
        name: version for module in _top_level() for name, version in providers().get(module, {}).items()
    }
    others = {name: found[name] for name in sorted(found) if name not in known}
    return replace(environment, software=replace(environment.software, imported=others))


def platform_name(device: torch.device) -> str:
    """The hardware class of a golden: cpu-<machine>, cuda-sm<major><minor> or mps-<machine>."""
    if device.type == "cuda":
        major, minor = torch.cuda.get_device_capability(device)
        return f"cuda-sm{major}{minor}"
    return f"{device.type}-{platform.machine().lower()}"


def _hardware(device: torch.device) -> Hardware:
    vendor, model = _cpu()
    machine = platform.machine().lower()
    if device.type != "cuda":
        return Hardware(device.type, machine, vendor, model)
    gpu = torch.cuda.get_device_properties(device)
    # The GPU computes a GPU run. The host's CPU model is omitted, so that the same card in another server
    # is still the same hardware.
    return Hardware(
        device="cuda",
        machine=machine,
        cpu_vendor="",
        cpu_model="",
        gpu=gpu.name,
        compute_capability=f"{gpu.major}.{gpu.minor}",
        multiprocessors=gpu.multi_processor_count,
        gpu_memory=gpu.total_memory,
    )


def software(device: torch.device) -> Software:
    """The software of this machine that takes part in computing on `device`."""
    on_cuda = device.type == "cuda"
    return Software(
        os=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        cuda=torch.version.cuda if on_cuda else None,
        cudnn=str(torch.backends.cudnn.version()) if on_cuda else None,
        driver=_driver() if on_cuda else None,
        packages=dict(_versions()),
        libc=" ".join(platform.libc_ver()).strip() or None,
    )


@cache
def _versions() -> list[tuple[str, str]]:
    found = []
    for name in NUMERIC_PACKAGES:
        try:
            found.append((name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            continue
    # The build flavour (+cpu, +cu130) is part of torch's version only inside the module.
    return [(name, torch.__version__ if name == "torch" else version) for name, version in found]


def _top_level() -> set[str]:
    return {name.partition(".")[0] for name, module in list(sys.modules.items()) if module is not None}


@cache
def providers() -> Mapping[str, Mapping[str, str]]:
    """The distributions, with their versions, that install each top-level module."""
    return {
        module: {_normal(name): metadata.version(name) for name in set(names)}
        for module, names in metadata.packages_distributions().items()
    }


def _normal(name: str) -> str:
    """The normalised name of a distribution (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


@cache
def _driver() -> str | None:
    found = re.search(r"\b(\d+\.\d+(?:\.\d+)?)\b", _driver_text())
    return found.group(1) if found else None


def _driver_text() -> str:
    """What the kernel says of the NVIDIA driver; in a sandbox that hides it, what nvidia-smi says."""
    with suppress(OSError):
        return _DRIVER.read_text()
    with suppress(OSError, subprocess.SubprocessError):
        command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout
    return ""


@cache
def _cpu() -> tuple[str, str]:
    path = Path("/proc/cpuinfo")
    if path.is_file():
        pairs = dict(
            line.split(":", 1) for line in path.read_text().split("\n\n")[0].splitlines() if ":" in line
        )
        fields = {key.strip(): value.strip() for key, value in pairs.items()}
        return fields.get("vendor_id", fields.get("CPU implementer", "")), _model_name(fields)
    if sys.platform == "darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return "Apple", subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return "", platform.processor()


def _model_name(fields: dict[str, str]) -> str:
    numbers = [fields[key] for key in ("cpu family", "model", "CPU part") if key in fields]
    return " ".join([fields.get("model name", ""), *(f"({'/'.join(numbers)})" for _ in numbers[:1])]).strip()
