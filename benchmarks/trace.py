"""Measure the cost of the trace: run time, memory and disk.

    python benchmarks/trace.py [--rounds 20] [--skip-size]

Run time: the 50-step Stable Diffusion case (sd/ddim-latents) on the CPU, in one process, with alternating rounds of
the levels. `run` is the pipeline's call with everything that happens during it; `whole` also includes preparing
the pipeline, taking the fingerprints at the end and writing the capture. The medians are over the ratios within each
round, whose runs other work on the machine disturbs equally.

Memory: a long run of large tensors (100 steps of an image of 16 MiB, 3 GiB of boundary tensors) in one process for
each level; the peak above the process's memory before it. `full` writes all tensors, so it would need 3 GiB more than
`components` if they were not streamed.

Size: a UNet of Stable Diffusion 1.5's shape with random weights, runs of 2 and 3 steps with small latents, and
from their difference the size of a run of 50 steps. The size of the latents matters only for `full`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CASE = "sd/ddim-latents"
OVERHEAD = 1.05
LIMITS = {"components": 4.0, "modules": 16.0}

_MEMORY = """
import json, resource, sys, tempfile
from pathlib import Path
import torch
from diffusers import DDIMScheduler, DiffusionPipeline
from harness.core.trace import TraceLevel
from harness.worker.trace.session import recording

class Large(DiffusionPipeline):
    def __init__(self, scheduler):
        super().__init__()
        self.register_modules(scheduler=scheduler)
    def __call__(self, steps, generator):
        self.scheduler.set_timesteps(steps)
        sample = torch.randn(1, 4, 1024, 1024, generator=generator)
        for timestep in self.scheduler.timesteps:
            sample = self.scheduler.step(sample * 0.1, timestep, sample).prev_sample
        return sample

torch.set_num_threads(1)
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
pipeline, steps = Large(DDIMScheduler()), int(sys.argv[2])
with tempfile.TemporaryDirectory() as folder, torch.no_grad():
    pipeline(1, torch.Generator())
    before, spool = peak(), Path(folder) / "spool"
    with recording(pipeline, TraceLevel(sys.argv[1]), spool, None) as session:
        session.output(pipeline(steps, torch.Generator().manual_seed(0)))
    session.finish()
    size = spool.stat().st_size if spool.exists() else 0
per_mib = 1024 if sys.platform.startswith("linux") else 1024 * 1024
print(json.dumps([before / per_mib, peak() / per_mib, size / 2**20]))
"""

_STABLE_DIFFUSION = {  # unet/config.json of stable-diffusion-v1-5/stable-diffusion-v1-5
    "sample_size": 64,
    "in_channels": 4,
    "out_channels": 4,
    "block_out_channels": (320, 640, 1280, 1280),
    "cross_attention_dim": 768,
    "attention_head_dim": 8,
    "layers_per_block": 2,
}


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=20)
    options.add_argument("--steps", type=int, default=100, help="steps of the run whose memory is measured")
    options.add_argument(
        "--skip-size", action="store_true", help="the size takes a minute and 4 GiB of memory"
    )
    arguments = options.parse_args()
    memory(arguments.steps)  # first: a process inherits the peak of the process that it was forked from
    overhead = run_time(arguments.rounds)
    fine = arguments.skip_size or size()
    return 0 if fine and overhead <= OVERHEAD else 1


# Run time


def run_time(rounds: int) -> float:
    """Print what each level costs; returns the ratio of components to none."""
    measure = _measuring()
    levels = ("none", "components", "full", "modules")
    for level in levels:
        measure(level)
    found: dict[str, list[tuple[float, ...]]] = {level: [] for level in levels}
    for number in range(rounds):
        # each level follows each other one equally often, since the content of the CPU's cache matters
        for level in (*levels[number % 4 :], *levels[: number % 4])[:: 1 - number // 4 % 2 * 2]:
            found[level].append(measure(level))
    print(f"{CASE}, {rounds} alternating rounds; ratios to a run without a trace")
    print(
        f"{'level':>12} {'run s':>8} {'median':>8} {'least':>8} {'whole: median':>14} {'least':>8} {'CPU':>8}"
    )
    for level in levels:
        run, whole, busy = zip(*found[level], strict=True)
        plain = list(zip(*found["none"], strict=True))
        figures = [
            statistics.median(run),
            _median_ratio(run, plain[0]),
            min(run) / min(plain[0]),
            _median_ratio(whole, plain[1]),
            min(whole) / min(plain[1]),
            min(busy) / min(plain[2]),
        ]
        print(
            f"{level:>12} "
            + " ".join(f"{value:{14 if at == 3 else 8}.3f}" for at, value in enumerate(figures))
        )
    runs = ([run for run, *_ in found[level]] for level in ("components", "none"))
    ratio = _median_ratio(*runs)
    print(f"components / none, median of {rounds} rounds: {ratio:.3f}   (goal: at most {OVERHEAD})\n")
    return ratio


def _median_ratio(values: Sequence[float], plain: Sequence[float]) -> float:
    return statistics.median(one / other for one, other in zip(values, plain, strict=True))


def _measuring() -> Any:
    """A function that runs the case at a level and returns the seconds of the run, of everything, and of the CPU."""
    import torch

    from harness.config.load import load_cases
    from harness.core.messages import Job
    from harness.core.trace import TraceLevel
    from harness.golden.header import read_document
    from harness.worker.execute import JobRunner

    torch.set_num_interop_threads(1)
    [case] = [case for case in load_cases(ROOT / "configs").cases if case.id == CASE]
    runner = JobRunner(torch.device("cpu"), lambda _: None)
    folder = tempfile.TemporaryDirectory()

    def measure(level: str) -> tuple[float, float, float]:
        capture = Path(folder.name) / "capture.safetensors"
        started, busy = time.perf_counter(), time.process_time()
        runner.run(Job(case, str(capture), TraceLevel(level)))
        whole, busy = time.perf_counter() - started, time.process_time() - busy
        return read_document(capture).seconds.run, whole, busy

    return measure


# Memory


def memory(steps: int) -> None:
    """Print the peak of a long run of large tensors at each level."""
    print(f"{steps} steps of an image of 16 MiB")
    print(f"{'level':>12} {'before MiB':>11} {'peak MiB':>9} {'more MiB':>9} {'written MiB':>12}")
    for level in ("none", "components", "full"):
        command = [sys.executable, "-c", _MEMORY, level, str(steps)]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, cwd=ROOT)
        before, peak, written = json.loads(done.stdout)
        print(f"{level:>12} {before:11.0f} {peak:9.0f} {peak - before:9.0f} {written:12.0f}")
    print()


# Size


def size() -> bool:
    """Print the disk space of 50 steps of Stable Diffusion 1.5 per level; return whether it is within the limits."""
    print("a UNet of Stable Diffusion 1.5's shape, 50 steps, from runs of 2 and 3")
    pipeline, fine = _stable_diffusion(), True
    for level in ("components", "modules"):
        with tempfile.TemporaryDirectory() as folder:
            two, three = (_trace_bytes(pipeline, level, steps, Path(folder)) for steps in (2, 3))
        mebibytes = (two + 48 * (three - two)) / 2**20
        fine = fine and mebibytes <= LIMITS[level]
        step = (three - two) / 1024
        limit = LIMITS[level]
        print(f"{level:>12} {mebibytes:6.2f} MiB   (limit: {limit:.0f} MiB; a step {step:.0f} KiB)")
    return fine


def _stable_diffusion() -> Any:
    """The built-in Stable Diffusion with a UNet of the real one's shape and random weights."""
    import torch
    from diffusers import DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel

    from harness import zoo

    pipeline = StableDiffusionPipeline.from_pretrained(zoo.model_dir("sd-digits"))
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
    with torch.device("meta"):
        unet = UNet2DConditionModel(**_STABLE_DIFFUSION)
    unet = unet.to_empty(device="cpu")
    for parameter in unet.parameters():
        parameter.data.normal_(0.0, 0.02)
    pipeline.unet = unet
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _trace_bytes(pipeline: Any, level: str, steps: int, folder: Path) -> int:
    import torch

    from harness.core.capture import Timings
    from harness.core.case import Case, ModelSpec
    from harness.core.trace import TraceLevel
    from harness.worker.environment import determinism
    from harness.worker.environment.fingerprint import environment
    from harness.worker.outputs import Outputs
    from harness.worker.record import write_capture
    from harness.worker.trace.session import recording

    generator = torch.Generator().manual_seed(0)
    call = {
        "prompt_embeds": torch.randn(1, 77, 768, generator=generator),
        "negative_prompt_embeds": torch.randn(1, 77, 768, generator=generator),
        "latents": torch.randn(1, 4, 8, 8, generator=generator),
        "output_type": "latent",
    }
    with recording(pipeline, TraceLevel(level), folder / "spool", None) as session, torch.no_grad():
        session.inputs(call)
        session.output(pipeline(num_inference_steps=steps, **call))
    here = environment(torch.device("cpu"), determinism.read_back())
    case = Case("size", "size.yaml", str(folder), "StableDiffusionPipeline", ModelSpec("builtin:sd-digits"))
    path = folder / "capture.safetensors"
    write_capture(
        path,
        case,
        Outputs(),
        here,
        seconds=Timings(0.0, 0.0),
        global_rngs=(),
        filled_in={},
        commit=None,
        weights={},
        warnings=(),
        recorded=session.finish(),
    )
    return path.stat().st_size


if __name__ == "__main__":
    os.environ.update(
        HF_HUB_OFFLINE="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", CUBLAS_WORKSPACE_CONFIG=":4096:8"
    )
    sys.exit(main())
