"""The environment variables in a fingerprint, and what is kept of them."""

from __future__ import annotations

import pytest

from harness.core.variables import DECIDED_BY, numeric_variables


@pytest.mark.parametrize(
    "name",
    [
        "ATEN_CPU_CAPABILITY",
        "BLIS_ARCH_TYPE",
        "CUBLASLT_WORKSPACE_SIZE",
        "CUDA_LAUNCH_BLOCKING",
        "CUDNN_CONV_WSCAP_DBG",
        "DIFFUSERS_ATTN_BACKEND",
        "DNNL_MAX_CPU_ISA",
        "GLIBC_TUNABLES",
        "GOMP_CPU_AFFINITY",
        "KMP_DUPLICATE_LIB_OK",
        "LD_PRELOAD",
        "MKL_CBWR",
        "MKL_DEBUG_CPU_TYPE",
        "NPY_DISABLE_CPU_FEATURES",
        "NVIDIA_TF32_OVERRIDE",
        "OMP_DYNAMIC",
        "ONEDNN_DEFAULT_FPMATH_MODE",
        "OPENBLAS_CORETYPE",
        "PYTORCH_CUDA_ALLOC_CONF",
        "TORCHINDUCTOR_MAX_AUTOTUNE",
        "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
        "TRANSFORMERS_ATTENTION",
        "XFORMERS_DISABLED",
    ],
)
def test_it_can_change_a_number(name: str) -> None:
    assert numeric_variables({name: "a value", "OTHER": "b"}, "x86_64") == {name: "a value"}


@pytest.mark.parametrize(
    "name",
    [
        "CUDA_HOME",
        "CUDA_VISIBLE_DEVICES",
        "CUDNN_VERSION",
        "DIFFUSERS_VERBOSITY",
        "HF_HOME",
        "HF_TOKEN",
        "HOME",
        "KMP_SETTINGS",
        "MKLROOT",
        "NVIDIA_VISIBLE_DEVICES",
        "NVPL_BLAS_DEBUG_CPU_TYPE",
        "OMP",
        "OMP_DISPLAY_ENV",
        "OMP_WAIT_POLICY",
        "ONEDNN_VERBOSE",
        "PATH",
        "PYTORCH_BUILD_VERSION",
        "TORCHINDUCTOR_CACHE_DIR",
        "TORCH_CPP_LOG_LEVEL",
        "TORCH_EXTENSIONS_DIR",
        "TORCH_HOME",
        "TORCH_LOGS",
        "TRANSFORMERS_CACHE",
        "TRANSFORMERS_OFFLINE",
        "TRANSFORMERS_VERBOSITY",
        "TRITON_CACHE_DIR",
        *DECIDED_BY,
    ],
)
def test_it_changes_none_or_is_decided_by_the_case(name: str) -> None:
    assert numeric_variables({name: "a value"}, "x86_64") == {}


@pytest.mark.parametrize(
    "name", ["DIFFUSERS_TOKEN", "TRANSFORMERS_API_KEY", "TORCH_HUB_AUTH", "PYTORCH_PASSWORD"]
)
def test_a_secret_is_never_kept(name: str) -> None:
    assert numeric_variables({name: "x"}, "x86_64") == {}


@pytest.mark.parametrize("value", ["hf_abcdefghijklmnop", "https://user:password@host/x", "sk-abcdefghijkl"])
def test_a_value_that_looks_like_a_secret_is_kept_as_a_hash(value: str) -> None:
    kept = numeric_variables({"DIFFUSERS_REMOTE": value}, "x86_64")["DIFFUSERS_REMOTE"]
    assert kept.startswith("sha256 ")
    assert value not in kept


def test_what_exists_on_arm_alone_counts_there() -> None:
    name = "NVPL_BLAS_DEBUG_CPU_TYPE"
    assert numeric_variables({name: "1"}, "aarch64") == {name: "1"}


def test_they_come_in_order_and_not_at_any_length() -> None:
    found = numeric_variables({"MKL_CBWR": "A" * 1000, "ATEN_CPU_CAPABILITY": "avx2"}, "x86_64")
    assert list(found) == ["ATEN_CPU_CAPABILITY", "MKL_CBWR"]
    assert found["MKL_CBWR"] == "A" * 199 + "…"
