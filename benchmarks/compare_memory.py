"""Measure peak memory and speed of comparing two 1 GiB files, each dtype in its own process.

    python benchmarks/compare_memory.py [--mebibytes 1024] [--dtypes float32,bfloat16]

The peak covers the whole process including imports, and is never less than the benchmark's own. The exit code is 1
if it reaches 300 MiB. The speed counts the golden's bytes, so for each counted byte two are read, hashed and measured.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

BUDGET_MIB = 300
PIECE = 2**20  # elements

_COMPARE = """
import json, resource, sys, time
from pathlib import Path
from harness.core.tolerance import Limits
from harness.golden.tensors import TensorFile
from harness.judge.outputs.compare import compare_tensors
ready = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start, busy = time.perf_counter(), time.process_time()
with TensorFile(Path(sys.argv[1])) as golden, TensorFile(Path(sys.argv[2])) as now:
    [result] = compare_tensors(golden, now, Limits(rel_l2=1e-3))
seconds, busy = time.perf_counter() - start, time.process_time() - busy
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
per_mib = 1024 if sys.platform.startswith("linux") else 1024 * 1024
print(json.dumps([ready / per_mib, peak / per_mib, seconds, busy, str(result.verdict)]))
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mebibytes", type=int, default=1024)
    parser.add_argument("--dtypes", default="float32,bfloat16")
    arguments = parser.parse_args()
    columns = ("dtype", "verdict", "seconds", "GB/s", "GB/s/core", "start MiB", "peak MiB", "peak/file")
    print(" ".join(f"{column:>9}" for column in columns))
    rows = [run(name, arguments.mebibytes) for name in arguments.dtypes.split(",")]
    return 0 if max(rows) < BUDGET_MIB else 1


def run(dtype: str, mebibytes: int) -> float:
    """Compare two files of `mebibytes` each and print the row; returns the peak in MiB."""
    with tempfile.TemporaryDirectory() as folder:
        golden, now = (Path(folder) / f"{name}.safetensors" for name in ("golden", "now"))
        write(golden, dtype, mebibytes, 0.0)
        write(now, dtype, mebibytes, 1e-6 if dtype in ("float32", "float64") else 1e-2)
        command = [sys.executable, "-c", _COMPARE, str(golden), str(now)]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    ready, peak, seconds, busy, verdict = json.loads(done.stdout)
    gigabytes = mebibytes * 2**20 / 1e9
    figures = (seconds, gigabytes / seconds, gigabytes / busy, ready, peak, peak / mebibytes)
    print(f"{dtype:>9} {verdict:>9} " + " ".join(f"{figure:>9.2f}" for figure in figures))
    return float(peak)


def write(path: Path, dtype: str, mebibytes: int, noise: float) -> None:
    """Write a capture of one tensor of normal noise, in pieces; `noise` is a relative change of it."""
    digest = hashlib.sha256()
    with tempfile.TemporaryFile(dir=path.parent) as data:
        for piece in pieces(dtype, mebibytes * 2**20, noise):
            digest.update(piece)
            data.write(piece)
        with path.open("wb") as file:
            file.write(header(dtype, mebibytes * 2**20, digest.hexdigest()))
            data.seek(0)
            while piece := data.read(PIECE):
                file.write(piece)


def pieces(dtype: str, size: int, noise: float) -> Iterator[bytes]:
    import numpy as np

    from harness.golden.tensors import numpy_dtype

    kind = numpy_dtype(dtype)
    values = np.random.default_rng(0).standard_normal(PIECE)
    for number in range(size // (PIECE * kind.itemsize)):
        # another shift for each piece, so that no two are equal
        yield (np.roll(values, number * 7919) * (1.0 + noise)).astype(kind).tobytes()


def header(dtype: str, size: int, digest: str) -> bytes:
    from harness.core.capture import CaptureDocument, Timings
    from harness.core.environment import Environment, Hardware, Software, Switches
    from harness.golden.header import Header, TensorInfo, header_bytes
    from harness.golden.tensors import numpy_dtype

    switches = Switches(
        deterministic_algorithms=True,
        cudnn_enabled=True,
        cudnn_benchmark=False,
        cudnn_deterministic=True,
        tf32_matmul=False,
        tf32_cudnn=False,
        float32_matmul_precision="highest",
        sdpa_backends=("math",),
        threads=1,
        interop_threads=1,
        cpu_capability="AVX2",
        onednn=True,
        cublas_workspace=None,
    )
    environment = Environment(
        "cpu-x86_64", Hardware("cpu", "x86_64", "none", "none"), Software("none", "3"), switches
    )
    info = TensorInfo("output/images", dtype, (size // numpy_dtype(dtype).itemsize,), 0, size)
    document = CaptureDocument(1, "bench", {}, "", environment, {info.name: digest}, Timings(0.0, 0.0))
    return header_bytes(Header(document, {info.name: info}))


if __name__ == "__main__":
    sys.exit(main())
