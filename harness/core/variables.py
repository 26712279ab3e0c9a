"""The environment variables that can change a number, and what a fingerprint keeps of them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from harness.core.portable.switches import VARIABLES as PORTABLE

_FAMILIES = (
    "ACCELERATE",  # of both Hugging Face and Apple
    "ATEN",
    "BITSANDBYTES",
    "BLIS",
    "BNB",
    "CUBLAS",
    "CUBLASLT",
    "CUDNN",
    "CUFFT",
    "CUSOLVER",
    "CUSPARSE",
    "DIFFUSERS",
    "DNNL",
    "FLASH",
    "FLEXIBLAS",
    "GOMP",
    "GOTO",
    "HIPBLASLT",
    "IPEX",
    "KMP",
    "LIBXSMM",
    "MIOPEN",
    "MKL",
    "MKLDNN",
    "NPY",
    "NUMEXPR",
    "NUMPY",
    "OMP",
    "ONEDNN",
    "OPENBLAS",
    "PEFT",
    "PYTORCH",
    "ROCBLAS",
    "TORCH",
    "TORCHAO",
    "TORCHDYNAMO",
    "TORCHINDUCTOR",
    "TRANSFORMERS",
    "TRITON",
    "VECLIB",
    "XFORMERS",
    "XNNPACK",
)
"""The first words of the variables that numeric libraries read; any of these variables may change a number."""

_OF_ARM = ("ACL", "ARMPL", "KLEIDIAI", "NVPL")
"""Families that exist only on Arm and do nothing elsewhere."""

_SINGLE = frozenset(
    {
        "CUDA_DEVICE_MAX_CONNECTIONS",
        "CUDA_DISABLE_PTX_JIT",
        "CUDA_FORCE_PTX_JIT",
        "CUDA_LAUNCH_BLOCKING",
        "DISABLE_ADDMM_CUDA_LT",
        "GLIBC_TUNABLES",  # which instructions libm's functions use
        "HSA_OVERRIDE_GFX_VERSION",
        "LD_PRELOAD",  # another BLAS, another libm
        "NVIDIA_TF32_OVERRIDE",
    }
)
"""Single variables of families (CUDA_, NVIDIA_, the linker) whose other variables choose devices and find files."""

_NO_NUMBERS = frozenset(
    {
        "ADVISORY",
        "CACHE",
        "CACHES",
        "DIR",
        "DISPLAY",
        "HOME",
        "LOG",
        "LOGGING",
        "LOGS",
        "OFFLINE",
        "PATH",
        "PROGRESS",
        "ROOT",
        "STACKTRACES",
        "TELEMETRY",
        "TRACE",
        "VERBOSE",
        "VERBOSITY",
        "WARNINGS",
    }
)
"""Words in names of variables that locate files or set verbosity; such a variable changes no number."""

_NO_NUMBERS_EITHER = frozenset(
    {
        "CUDNN_VERSION",  # container images use these to describe their contents
        "CUBLAS_VERSION",
        "CUFFT_VERSION",
        "CUSOLVER_VERSION",
        "CUSPARSE_VERSION",
        "KMP_SETTINGS",  # print what is in effect
        "KMP_VERSION",
        "OMP_WAIT_POLICY",  # how threads wait, not what they compute
        "PYTORCH_BUILD_NUMBER",
        "PYTORCH_BUILD_VERSION",
        "PYTORCH_VERSION",
        "TORCH_CUDA_ARCH_LIST",  # what extensions are built for
        "TORCH_VERSION",
        "TRITON_VERSION",
    }
)

_SECRETS = frozenset({"AUTH", "CREDENTIAL", "CREDENTIALS", "KEY", "PASSWORD", "SECRET", "TOKEN"})

# Tokens of hubs and forges, and the user and password of an address.
_SECRET_VALUE = re.compile(r"\b(?:hf|ghp|gho|ghs|sk|glpat|xox[abp])[_-]\w{8,}|\w+://[^/\s]+@")

_MOST_CHARACTERS = 200

THREAD_POOLS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
"""The variables that size the libraries' thread pools; each takes precedence in one of the libraries."""

DECIDED_BY: Mapping[str, str] = {
    **dict.fromkeys(THREAD_POOLS, "determinism.threads"),
    "CUBLAS_WORKSPACE_CONFIG": "determinism.cublas_workspace",
    "PYTHONHASHSEED": "the harness",
}
"""The variables that each run's process is given and numbers depend on, and what decides them.

The fingerprint holds them as switches, or they are constant; it leaves them out as variables.
"""


def decided_by(name: str, *, portable: bool = False) -> str:
    """What decides a variable that a run's process is given and that numbers may depend on; "" for any other.

    `portable` says whether that process should be portable, which also decides a thread count.
    """
    if name in DECIDED_BY and not (portable and name in PORTABLE):
        return DECIDED_BY[name]
    return "determinism.portable" if name in PORTABLE else ""


def numeric_variables(environment: Mapping[str, str], machine: str) -> Mapping[str, str]:
    """The variables of `environment` that can change a number on a CPU of the kind `machine`, by name.

    Variables that only locate files or set verbosity, those that the case decides, and secrets are left out.
    A value that looks like a secret is kept as a hash; a long value is cut off.
    """
    found = {name: value for name, value in environment.items() if _is_numeric(name, machine)}
    return {name: _kept(found[name]) for name in sorted(found)}


def _is_numeric(name: str, machine: str) -> bool:
    if name in DECIDED_BY or name in _NO_NUMBERS_EITHER:
        return False
    if name in _SINGLE:
        return True
    first, *others = name.split("_")
    on_arm = machine.lower() in ("aarch64", "arm64")
    known = first in _FAMILIES or (on_arm and first in _OF_ARM)
    return known and bool(others) and not (_NO_NUMBERS | _SECRETS).intersection(others)


def _kept(value: str) -> str:
    if _SECRET_VALUE.search(value):
        return f"sha256 {hashlib.sha256(value.encode(errors='surrogateescape')).hexdigest()[:12]}"
    return value if len(value) <= _MOST_CHARACTERS else f"{value[: _MOST_CHARACTERS - 1]}…"
