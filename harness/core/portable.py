"""What makes the bits of a CPU run the same on every x86-64 machine, as environment variables of its process."""

from __future__ import annotations

from collections.abc import Mapping

MARK = "HARNESS_PORTABLE"
"""Set to 1 for a worker that has to be portable."""

_BEYOND_AVX2 = (
    *("AVX512F", "AVX512CD", "AVX512_KNL", "AVX512_KNM", "AVX512_SKX"),
    *("AVX512_CLX", "AVX512_CNL", "AVX512_ICL", "AVX512_SPR", "X86_V4"),
)
"""The instruction sets beyond AVX2 that releases of numpy choose by, from 1.26 to 2.4; it ignores unknown ones."""

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

NEEDED = ("avx2", "fma")
"""The features that an x86-64 CPU needs, by the names of /proc/cpuinfo."""
