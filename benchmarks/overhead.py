"""Measure the cost of the harness: N cases through `harness verify` against the same N calls in a bare script.

Both run the built-in DDIM pipeline, 50 steps, one seed per case, with the same switches, and both load the
model once. Rounds alternate between the two. Start-up (interpreter, imports, loading, the first case) is
printed separately; the ratio compares the time of each further case.

    python benchmarks/overhead.py [--cases 40] [--rounds 3]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CONFIG = """\
pipeline: DDIMPipeline
model: {id: "builtin:ddpm-digits"}
steps: 50
seed: 0
call: {output_type: np}
matrix: {seed: [SEEDS]}
"""

BARE = """\
import sys
import torch
from diffusers import DDIMPipeline
from harness import zoo

torch.use_deterministic_algorithms(True)
torch.set_num_threads(1)
torch.set_num_interop_threads(1)
torch.backends.cuda.enable_flash_sdp(False)
pipeline = DDIMPipeline.from_pretrained(zoo.model_dir("ddpm-digits"))
pipeline.set_progress_bar_config(disable=True)
for seed in range(int(sys.argv[1])):
    generator = torch.Generator("cpu").manual_seed(seed)
    pipeline(num_inference_steps=50, generator=generator, output_type="np")
"""


def timed(command: list[str]) -> float:
    """Wall-clock seconds of a command that must succeed."""
    started = time.perf_counter()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def harness(folder: Path, command: str, *words: str) -> list[str]:
    """A harness command over the folder's own configs, goldens and output."""
    places = [
        "--configs",
        str(folder / "configs"),
        "--out",
        str(folder / "out"),
        "--goldens",
        str(folder / "goldens"),
    ]
    return [sys.executable, "-m", "harness", command, *words, *places, "--device", "cpu", "--quiet"]


def prepare(folder: Path, cases: int) -> None:
    """Write one config with a seed per case and accept a first run as the goldens."""
    (folder / "configs").mkdir()
    seeds = ", ".join(str(seed) for seed in range(cases))
    (folder / "configs" / "ddim.yaml").write_text(CONFIG.replace("SEEDS", seeds))
    timed(harness(folder, "verify", "--allow-missing"))
    timed(harness(folder, "accept"))


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--cases", type=int, default=40)
    options.add_argument("--rounds", type=int, default=3)
    arguments = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder, arguments.cases)
        bare = [sys.executable, "-c", BARE]
        rounds = [
            (
                timed([*bare, "1"]),
                timed(harness(folder, "verify", "ddim@seed=0")),
                timed([*bare, str(arguments.cases)]),
                timed(harness(folder, "verify")),
            )
            for _ in range(arguments.rounds)
        ]
    bare_one, harness_one, bare_all, harness_all = (
        statistics.median(column) for column in zip(*rounds, strict=True)
    )
    further = arguments.cases - 1
    bare_each, harness_each = (bare_all - bare_one) / further, (harness_all - harness_one) / further
    print(f"{arguments.cases} cases, DDIM 50 steps, medians of {arguments.rounds} alternating rounds")
    print(f"start-up and first case   bare {bare_one:6.2f} s   harness {harness_one:6.2f} s")
    print(f"each further case         bare {bare_each:6.3f} s   harness {harness_each:6.3f} s")
    print(f"ratio beyond start-up     {harness_each / bare_each:.3f}   (goal: at most 1.10)")


if __name__ == "__main__":
    main()
