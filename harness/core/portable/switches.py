"""The environment variables that make the bits of a CPU run the same on every x86-64 machine."""

from __future__ import annotations

from collections.abc import Mapping

MARK = "HARNESS_PORTABLE"
"""Set to 1 for a worker that must be portable."""

_BEYOND_AVX2 = (
    *("AVX512F", "AVX512CD", "AVX512_KNL", "AVX512_KNM", "AVX512_SKX"),
    *("AVX512_CLX", "AVX512_CNL", "AVX512_ICL", "AVX512_SPR", "X86_V4"),
)
"""The instruction sets beyond AVX2 that numpy 1.26 to 2.4 dispatch on.

numpy warns about names that it does not dispatch on, and refuses those of its baseline:
`harness.worker.environment.numpy_start`.
"""

VARIABLES: Mapping[str, str | None] = {
    MARK: "1",
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_CBWR": "COMPATIBLE",
    "OPENBLAS_CORETYPE": "Haswell",
    # With more threads, OpenBLAS of numpy and scipy uses as many as there are cores, which then decide the bits.
    "OPENBLAS_NUM_THREADS": "1",
    "NPY_DISABLE_CPU_FEATURES": " ".join(_BEYOND_AVX2),
    # Variables that would counteract those: older names, and what numpy refuses together with its list.
    "DNNL_MAX_CPU_ISA": None,
    "MKL_DEBUG_CPU_TYPE": None,
    "MKL_ENABLE_INSTRUCTIONS": None,
    "NPY_ENABLE_CPU_FEATURES": None,
}
"""Read by the libraries when they load; None unsets a variable of the caller."""

NUMPY_VARIABLE = "NPY_DISABLE_CPU_FEATURES"
"""The variable with which a numpy built for a baseline beyond AVX2 refuses to start."""

CPU_INFO = "/proc/cpuinfo"
"""The file in which Linux lists the CPU's features."""

_X86 = ("x86_64", "amd64")

_NEEDED = ("avx2", "fma")
"""The features that an x86-64 CPU needs, as named in /proc/cpuinfo."""


def cpu_obstacle(machine: str, cpu_info: str) -> str:
    """Why no run is portable on a CPU of the kind `machine`; "" if it has all required features.

    `cpu_info` is the text of /proc/cpuinfo, "" if the system has none.
    """
    if machine.lower() not in _X86:
        return f"this CPU is {machine}, but portable runs need x86-64"
    flags = next(
        (line.partition(":")[2].split() for line in cpu_info.splitlines() if line.startswith("flags")), None
    )
    if flags is None:
        return f"this system does not say in {CPU_INFO} whether its CPU has AVX2 and FMA, which portable runs need"
    if lacking := [name.upper() for name in _NEEDED if name not in flags]:
        return f"this CPU has no {' and no '.join(lacking)}, which portable runs need"
    return ""
