"""What makes the bits of a CPU run the same on every x86-64 machine, as environment variables of its process."""

from __future__ import annotations

from collections.abc import Mapping

MARK = "HARNESS_PORTABLE"
"""Set to 1 for a worker that has to be portable."""

_BEYOND_AVX2 = (
    *("AVX512F", "AVX512CD", "AVX512_KNL", "AVX512_KNM", "AVX512_SKX"),
    *("AVX512_CLX", "AVX512_CNL", "AVX512_ICL", "AVX512_SPR", "X86_V4"),
)
"""The instruction sets beyond AVX2 that releases of numpy choose by, from 1.26 to 2.4.

numpy warns of names that it does not choose by, and refuses those of its baseline:
`harness.worker.environment.numpy_start`.
"""

VARIABLES: Mapping[str, str | None] = {
    MARK: "1",
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_CBWR": "COMPATIBLE",
    "OPENBLAS_CORETYPE": "Haswell",
    # Of more threads numpy's and scipy's OpenBLAS uses as many as the machine has cores, which then decide the bits.
    "OPENBLAS_NUM_THREADS": "1",
    "NPY_DISABLE_CPU_FEATURES": " ".join(_BEYOND_AVX2),
    # What would act against those: older names of theirs, and what numpy refuses beside its list.
    "DNNL_MAX_CPU_ISA": None,
    "MKL_DEBUG_CPU_TYPE": None,
    "MKL_ENABLE_INSTRUCTIONS": None,
    "NPY_ENABLE_CPU_FEATURES": None,
}
"""Read by the libraries when they load; None unsets one that the caller has."""

NUMPY_VARIABLE = "NPY_DISABLE_CPU_FEATURES"
"""The one of them that a numpy built for a baseline beyond AVX2 refuses to start with."""

CPU_INFO = "/proc/cpuinfo"
"""Where Linux tells what the CPU can do."""

_X86 = ("x86_64", "amd64")

_NEEDED = ("avx2", "fma")
"""The features that an x86-64 CPU needs, by the names of /proc/cpuinfo."""


def cpu_obstacle(machine: str, cpu_info: str) -> str:
    """Why no run is portable on the CPU of the kind `machine`, in words; "" where it has all that is needed.

    `cpu_info` is the text of /proc/cpuinfo, "" where the system has none.
    """
    if machine.lower() not in _X86:
        return f"this CPU is of the kind {machine}, and portable runs need x86-64"
    flags = next(
        (line.partition(":")[2].split() for line in cpu_info.splitlines() if line.startswith("flags")), None
    )
    if flags is None:
        return f"this system does not tell in {CPU_INFO} whether its CPU has AVX2 and FMA, which portable runs need"
    if lacking := [name.upper() for name in _NEEDED if name not in flags]:
        return f"this CPU has no {' and no '.join(lacking)}, which portable runs need"
    return ""
