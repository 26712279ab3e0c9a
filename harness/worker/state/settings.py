"""All settings of a process that outlast a run, and what a run left changed."""

from __future__ import annotations

import decimal
import locale
import logging
import os
import re
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch

Read = Callable[[], object]

Settings = Mapping[str, object]
"""Settings by name, in a comparable form."""

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_LONGEST = 200  # characters of a value in a sentence

_SECRET = ("KEY", "PASSWORD", "SECRET", "TOKEN")

_SET_ON_FIRST_USE = frozenset({"CUDA_MODULE_LOADING", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR"})
"""Variables that torch sets for itself when it first starts CUDA or compiles."""

_HALF: float = float("0.5")  # not a literal: the compiler would fold the product

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGABRT, signal.SIGSEGV, signal.SIGFPE)

_TORCH: Mapping[str, Read] = {
    "default dtype": torch.get_default_dtype,
    "default device": lambda: str(torch.get_default_device()),
    "inference mode": torch.is_inference_mode_enabled,
    "deterministic algorithms, warn only": torch.is_deterministic_algorithms_warn_only_enabled,
    "fill uninitialized memory": lambda: torch.utils.deterministic.fill_uninitialized_memory,
    "autocast": lambda: _autocast(torch.is_autocast_enabled),
    "autocast dtype": lambda: _autocast(torch.get_autocast_dtype),
    "autocast cache": torch.is_autocast_cache_enabled,
    "anomaly detection": torch.is_anomaly_enabled,
    "flush denormal": lambda: sys.float_info.min * _HALF == 0.0,
    "function modes": lambda: torch._C._len_torch_function_stack(),
    "dispatch modes": lambda: torch._C._len_torch_dispatch_stack(),
    "torch functions overridable": lambda: torch._C._is_torch_function_enabled(),
    "print options": lambda: dict(vars(torch._tensor_str.PRINT_OPTS)),
    "always warn": torch.is_warn_always_enabled,
    "hooks of all modules": lambda: _global_hooks(),
    "sharing strategy": torch.multiprocessing.get_sharing_strategy,
    "swap of parameters": torch.__future__.get_swap_module_params_on_conversion,
    "fast path of attention layers": torch.backends.mha.get_fastpath_enabled,
    "order of SDPA backends": lambda: torch._C._get_sdp_priority_order(),
    "half-precision reduction in SDPA": torch.backends.cuda.fp16_bf16_reduction_math_sdp_allowed,
    "linear algebra library": lambda: str(torch.backends.cuda.preferred_linalg_library()),
    "BLAS library": lambda: str(torch.backends.cuda.preferred_blas_library()),
    "default RNG of CPU": lambda: id(torch.default_generator),
}

_BACKENDS = (
    "backends.fp32_precision",
    "backends.cuda.matmul.allow_bf16_reduced_precision_reduction",
    "backends.cuda.matmul.allow_fp16_accumulation",
    "backends.cuda.matmul.allow_fp16_reduced_precision_reduction",
    "backends.cuda.matmul.fp32_precision",
    "backends.cudnn.benchmark_limit",
    "backends.cudnn.conv.fp32_precision",
    "backends.cudnn.fp32_precision",
    "backends.cudnn.rnn.fp32_precision",
    "backends.mkldnn.conv.fp32_precision",
    "backends.mkldnn.deterministic",
    "backends.mkldnn.fp32_precision",
    "backends.mkldnn.matmul.fp32_precision",
    "backends.mkldnn.rnn.fp32_precision",
    "backends.opt_einsum.enabled",
    "backends.opt_einsum.strategy",
    "backends.quantized.engine",
)
"""Attributes of torch; each version has its own set."""

_PYTHON: Mapping[str, Read] = {
    "working directory": lambda: os.getcwd(),
    "umask": lambda: _umask(),
    "CPU affinity": lambda: sorted(os.sched_getaffinity(0)),
    "sys.path": lambda: tuple(sys.path),
    "sys.meta_path": lambda: tuple(sys.meta_path),
    "recursion limit": sys.getrecursionlimit,
    "trace function": sys.gettrace,
    "standard streams": lambda: (id(sys.stdin), id(sys.stdout), id(sys.stderr)),
    "signal handlers": lambda: tuple(map(_handler, _SIGNALS)),
    "locale": lambda: locale.setlocale(locale.LC_ALL),
    "decimal context": lambda: _decimal(decimal.getcontext()),
    "warnings.filters": lambda: tuple(warnings.filters),
    "numpy errors": np.geterr,
    "numpy print options": np.get_printoptions,
}

_SOFT = ("warnings.filters", "sys.path", "sys.meta_path")
"""Settings of Python that a library may change when it is imported, besides environment variables and loggers."""

_VARIABLE = "environment variable "

_LOGGERS = ("", "accelerate", "diffusers", "huggingface_hub", "peft", "torch", "transformers")


def read() -> Settings:
    """All current settings, without those that only later versions of torch have."""
    found: dict[str, object] = {}
    for name, read_one in _PYTHON.items():
        found[name] = _value(read_one)
    for name, read_one in _TORCH.items():
        found[f"torch: {name}"] = _value(read_one)
    for path in _BACKENDS:
        found[f"torch.{path}"] = _attribute(path)
    return {**found, **read_soft()}


def read_soft() -> Settings:
    """The settings that a library may change permanently when it is imported."""
    found: dict[str, object] = {name: _value(_PYTHON[name]) for name in _SOFT}
    for variable, value in os.environ.items():
        if variable not in _SET_ON_FIRST_USE:
            found[_VARIABLE + variable] = value
    for name in _LOGGERS:
        found[f"logging level of {name or 'all'}"] = logging.getLogger(name).level
    found["logging disabled up to"] = logging.root.manager.disable
    return found


def changed(before: Settings, after: Settings) -> tuple[str, ...]:
    """The settings that a run left changed, one sentence each."""
    return tuple(
        _sentence(name, before.get(name), after.get(name))
        for name in sorted({**before, **after})
        if before.get(name) != after.get(name)
    )


def _sentence(name: str, was: object, became: object) -> str:
    if isinstance(was, tuple) and isinstance(became, tuple):
        was, became = (
            [one for one in was if one not in became],
            [one for one in became if one not in was],
        )
        if not was and not became:
            return f"{name}: the run changed the order and did not restore it"
    if name.startswith(_VARIABLE) and any(word in name.upper() for word in _SECRET):
        return f"{name}: the run changed it and did not restore it"
    return f"{name}: the run changed it from {_text(was)} to {_text(became)} and did not restore it"


def _text(value: object) -> str:
    if value is None or value == []:
        return "nothing"
    entries = value if isinstance(value, list | tuple) else [value]
    # Addresses differ between processes and would turn one warning into many.
    text = _ADDRESS.sub("", ", ".join(map(_entry, entries)))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _handler(number: signal.Signals) -> str:
    handler = signal.getsignal(number)
    return f"{number.name} {getattr(handler, 'name', handler)}"


def _value(read_one: Read) -> object:
    try:
        return read_one()
    except Exception:  # another version of torch, another platform, a deleted folder
        return None


def _attribute(path: str) -> object:
    found: Any = torch
    try:
        for name in path.split("."):
            found = getattr(found, name)
    except Exception:
        return None
    return found


def _autocast(of: Callable[[str], object]) -> str:
    return ", ".join(f"{device} {of(device)}" for device in _devices())


def _devices() -> Iterator[str]:
    yield "cpu"
    if torch.cuda.is_available():
        yield "cuda"


def _umask() -> str:
    mask = os.umask(0o077)
    os.umask(mask)
    return oct(mask)


def _global_hooks() -> tuple[int, ...]:
    module = torch.nn.modules.module
    tables = (
        module._global_forward_hooks,
        module._global_forward_pre_hooks,
        module._global_backward_hooks,
        module._global_backward_pre_hooks,
        module._global_module_registration_hooks,
        module._global_parameter_registration_hooks,
        module._global_buffer_registration_hooks,
    )
    return tuple(key for table in tables for key in table)


def _decimal(context: decimal.Context) -> tuple[object, ...]:
    # Without the flags, which record past computations.
    limits = (context.prec, context.rounding, context.Emin, context.Emax, context.capitals, context.clamp)
    return (*limits, *(signal.__name__ for signal, trapped in context.traps.items() if trapped))


def _entry(entry: Any) -> str:
    """One of several values as text: a warnings filter in the form of Python's option -W."""
    if not (isinstance(entry, tuple) and len(entry) == 5 and isinstance(entry[2], type)):
        return str(entry)
    action, message, category, module, line = entry
    parts = (action, _pattern(message), category.__name__, _pattern(module), str(line or ""))
    return ":".join(parts).rstrip(":")


def _pattern(value: Any) -> str:
    return "" if value is None else str(getattr(value, "pattern", value))
