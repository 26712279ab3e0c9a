"""The stage `speed`: benchmarks/gpu.py, with a UNet of Stable Diffusion 1.5's size on a GPU, a small one elsewhere."""

from __future__ import annotations

import json
import sys

from scripts.evidence.bench import Bench
from scripts.evidence.found import Found


def run(bench: Bench, found: Found) -> None:
    """Each part of the benchmark by itself, so that a stop keeps those before."""
    size = "sd15" if bench.device == "cuda" and not bench.short else "small"
    rounds = ["--rounds", "2", "--cases", "2"] if bench.short else []
    for part in ("levels", "verify"):
        report = bench.folder("out") / f"{part}.json"
        report.unlink(missing_ok=True)
        words = ["--device", bench.device, "--size", size, "--part", part, "--json", report, *rounds]
        code = bench.run([sys.executable, bench.root / "benchmarks/gpu.py", *words])
        if code == 130:
            bench.left()
        if not report.is_file():
            found.fail(
                f"benchmarks/gpu.py --part {part}: ended with exit code {code}; see logs.tar.gz, {bench.log.name}"
            )
            continue
        written = json.loads(report.read_text(encoding="utf-8"))
        for row in written["rows"]:
            found.add(f"{part}, {size}", row)
        # Goals are for a GPU that is doing nothing else; elsewhere they only say how it is going.
        for missed in written["missed"] if bench.device == "cuda" else ():
            found.fail(missed)
