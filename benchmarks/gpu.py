"""Measure the cost of the harness on a GPU: time and memory of each trace level, and `verify` against a bare script.

    python benchmarks/gpu.py [--device cuda] [--size sd15|small] [--part levels|verify] [--rounds 6] [--json FILE]

The pipeline is StableDiffusionPipeline with a UNet of Stable Diffusion 1.5's size and random weights in float16; only
the width of its text differs, which is that of the built-in text encoder. `--size small` takes the built-in model in
float32, for a CPU.

Levels: the plain pipeline and the harness's own runs of it, in one process, in alternating rounds. `run` is the
pipeline's call with everything that happens during it, up to the output in the CPU's memory; `whole` also includes
restoring the pipeline, taking the last fingerprints and writing the capture. Both are medians over the ratios within
each round. The peak is that of the allocator during the run (on a CPU: of the process), with the weights once.

Verify: N cases that differ in their seed, against a script that runs the same. What each needs for one case is taken
off both.
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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]

GOALS = {"none": 1.02, "components": 1.05, "modules": 1.15}
"""The most that a run at each level may take, in times of the plain pipeline; `none` keeps the outputs only."""

GOAL_OF_VERIFY = 1.05

PLAIN = "plain"

SD15 = {  # unet/config.json of stable-diffusion-v1-5/stable-diffusion-v1-5
    "sample_size": 64,
    "in_channels": 4,
    "out_channels": 4,
    "block_out_channels": (320, 640, 1280, 1280),
    "attention_head_dim": 8,
    "layers_per_block": 2,
}

CONFIG = """\
pipeline: StableDiffusionPipeline
model: {{id: "{model}", dtype: {dtype}}}
scheduler: {{class: DDIMScheduler}}
steps: {steps}
call: {{prompt: a handwritten seven, guidance_scale: 7.5, output_type: latent}}
matrix: {{seed: {seeds}}}
trace: {trace}
"""

BARE = """\
import sys, time
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline
from harness.core.case import Determinism
from harness.worker.environment import determinism
from harness.worker.environment.releases import dtype_keyword

model, dtype, device, steps, cases = sys.argv[1:]
determinism.apply(Determinism(), 1)
pipeline = StableDiffusionPipeline.from_pretrained(model, **{dtype_keyword(): getattr(torch, dtype)}).to(device)
pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
pipeline.set_progress_bar_config(disable=True)
started = time.perf_counter()
for seed in range(int(cases)):
    generator = torch.Generator("cpu").manual_seed(seed)
    pipeline(
        prompt="a handwritten seven", guidance_scale=7.5, num_inference_steps=int(steps), generator=generator,
        output_type="latent",
    ).images.cpu()
    if seed == 0:
        started = time.perf_counter()
print((time.perf_counter() - started) / max(1, int(cases) - 1))
"""

Row = Mapping[str, str | float | bool | None]


@dataclass(frozen=True)
class Setting:
    """The model, how it is run and where."""

    device: str
    model: str
    dtype: str
    steps: int
    folder: Path

    def configs(self, seeds: Sequence[int], trace: str) -> Path:
        """A folder with one config that has a case for each seed."""
        folder = self.folder / f"{trace}-{len(seeds)}" / "configs"
        folder.mkdir(parents=True, exist_ok=True)
        text = CONFIG.format(
            model=self.model, dtype=self.dtype, steps=self.steps, seeds=list(seeds), trace=trace
        )
        (folder / "run.yaml").write_text(text)
        return folder


def main(words: Sequence[str]) -> int:
    """Measure, print and write; returns 1 if a goal is missed on a GPU."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--device", default="cuda")
    options.add_argument("--size", choices=("sd15", "small"), default="sd15")
    options.add_argument("--part", choices=("levels", "verify"), action="append")
    options.add_argument("--rounds", type=int, default=6)
    options.add_argument("--steps", type=int, default=20)
    options.add_argument("--cases", type=int, default=20)
    options.add_argument("--json", type=Path)
    chosen = options.parse_args(words)
    parts: dict[str, Callable[[Setting], tuple[list[Row], list[str]]]] = {
        "levels": lambda setting: levels(setting, chosen.rounds),
        "verify": lambda setting: verify(setting, chosen.cases),
    }
    rows, missed = list[Row](), list[str]()
    with tempfile.TemporaryDirectory() as name:
        setting = _setting(chosen.device, chosen.size, chosen.steps, Path(name))
        for part in chosen.part or parts:
            found, beyond = parts[part](setting)
            print(*(json.dumps(row) for row in found), sep="\n")
            rows, missed = [*rows, *found], [*missed, *beyond]
    if chosen.json:
        chosen.json.write_text(json.dumps({"schema": 1, "rows": rows, "missed": missed}, indent=1))
    print(*missed, sep="\n", file=sys.stderr)
    return 1 if missed and chosen.device != "cpu" else 0


def _setting(device: str, size: str, steps: int, folder: Path) -> Setting:
    from harness import zoo

    if size == "small":
        return Setting(device, str(zoo.model_dir("sd-digits")), "float32", steps, folder)
    return Setting(device, str(_saved(folder / "sd15", device)), "float16", steps, folder)


def _saved(folder: Path, device: str) -> Path:
    """The built-in Stable Diffusion with a UNet of the real one's size, in float16, on the disk."""
    import torch
    from diffusers import StableDiffusionPipeline, UNet2DConditionModel

    from harness import zoo

    pipeline = StableDiffusionPipeline.from_pretrained(zoo.model_dir("sd-digits"))
    with torch.device("meta"):
        unet = UNet2DConditionModel(**SD15, cross_attention_dim=pipeline.text_encoder.config.hidden_size)
    unet = unet.to(torch.float16).to_empty(device=device)
    torch.manual_seed(0)
    for parameter in unet.parameters():
        parameter.data.normal_(0.0, 0.02)
    pipeline.unet = unet.cpu()
    pipeline.save_pretrained(folder)
    return folder


# Levels


@dataclass(frozen=True)
class Measured:
    """Seconds of the call and of everything, and the bytes that the run needed beyond what was there before."""

    run: float
    whole: float
    beyond: int


def levels(setting: Setting, rounds: int) -> tuple[list[Row], list[str]]:
    """A row for each level, and the goals that are missed."""
    measure, weights = _measuring(setting)
    names = (PLAIN, *GOALS)
    for name in names:
        measure(name)
    found: dict[str, list[Measured]] = {name: [] for name in names}
    for number in range(rounds):
        # Each level follows each other one equally often: what ran before leaves the clocks and caches as they are.
        for name in (*names[number % 4 :], *names[: number % 4])[:: 1 - number // 4 % 2 * 2]:
            found[name].append(measure(name))
    rows = [_row(setting, name, found[name], found[PLAIN], weights) for name in names]
    missed = [
        f"{row['level']}: {row['run / plain']:.3f} times the plain pipeline; the goal is at most {row['goal']}"
        for row in rows
        if row["level"] != PLAIN and not row["met"]
    ]
    return rows, missed


def _row(setting: Setting, name: str, ours: list[Measured], plain: list[Measured], weights: int) -> Row:
    ratio = _median_ratio([one.run for one in ours], [one.run for one in plain])
    peak, other = (weights + max(one.beyond for one in ones) for ones in (ours, plain))
    goal = GOALS.get(name)
    return {
        "level": name,
        "dtype": setting.dtype,
        "steps": float(setting.steps),
        "run s": statistics.median(one.run for one in ours),
        "run / plain": ratio,
        "goal": goal,
        "met": ratio <= goal if goal else None,
        "whole / plain": _median_ratio([one.whole for one in ours], [one.whole for one in plain]),
        "peak MiB": peak / 2**20,
        "peak / plain": peak / other,
    }


def _median_ratio(values: Sequence[float], plain: Sequence[float]) -> float:
    return statistics.median(one / other for one, other in zip(values, plain, strict=True))


def _measuring(setting: Setting) -> tuple[Callable[[str], Measured], int]:
    """A function that runs the case at a level, and the bytes of the pipeline's weights."""
    import torch

    from harness.config.load import load_cases
    from harness.worker.execute import JobRunner

    device = torch.device(setting.device)
    torch.set_num_interop_threads(1)
    [case] = load_cases(setting.configs([0], "none")).cases
    plain = _plain_pipeline(setting)
    runner = JobRunner(device, lambda _: None)

    def measure(name: str) -> Measured:
        before = _reset_peak(device)
        started = time.perf_counter()
        run = _run_plain(setting, plain, case) if name == PLAIN else _run_harness(setting, runner, case, name)
        whole = time.perf_counter() - started
        return Measured(run, whole, max(0, _peak(device) - before))

    parts = (part for part in plain.components.values() if isinstance(part, torch.nn.Module))
    return measure, sum(one.nbytes for part in parts for one in part.parameters())


def _plain_pipeline(setting: Setting) -> Any:
    """The pipeline as a script loads it, under the switches that a case has by default."""
    import torch
    from diffusers import DDIMScheduler, StableDiffusionPipeline

    from harness.core.case import Determinism
    from harness.worker.environment import determinism
    from harness.worker.environment.releases import dtype_keyword

    determinism.apply(Determinism(), 1)
    dtype = {dtype_keyword(): getattr(torch, setting.dtype)}
    pipeline = StableDiffusionPipeline.from_pretrained(setting.model, **dtype).to(setting.device)
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _run_plain(setting: Setting, pipeline: Any, case: Any) -> float:
    import torch

    generator = torch.Generator("cpu").manual_seed(0)
    words: dict[str, Any] = {**case.call, "num_inference_steps": setting.steps, "generator": generator}
    started = time.perf_counter()
    with torch.no_grad():
        pipeline(**words).images.cpu()
    return time.perf_counter() - started


def _run_harness(setting: Setting, runner: Any, case: Any, level: str) -> float:
    from harness.core.messages import Job
    from harness.core.trace import TraceLevel
    from harness.golden.header import read_document

    capture = setting.folder / "capture.safetensors"
    outcome = runner.run(Job(case, str(capture), TraceLevel(level)))
    if outcome.kind != "completed":
        raise SystemExit(f"{level}: the run did not complete: {outcome}")
    return read_document(capture).seconds.run


def _reset_peak(device: Any) -> int:
    """Forget earlier peaks; returns the bytes in use now."""
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        return int(torch.cuda.memory_allocated(device))
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _peak(device: Any) -> int:
    import torch

    return int(torch.cuda.max_memory_allocated(device)) if device.type == "cuda" else _status("VmHWM")


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


# Verify


def verify(setting: Setting, cases: int) -> tuple[list[Row], list[str]]:
    """One row, and the goal if it is missed."""
    bare = [
        sys.executable,
        "-c",
        BARE,
        setting.model,
        setting.dtype,
        setting.device,
        str(setting.steps),
        str(cases),
    ]
    each_bare = float(_done(bare).split()[-1])
    _harness(setting, cases, "verify", "--allow-missing")
    _harness(setting, cases, "accept")
    one, everything = (_timed(setting, count) for count in (1, cases))
    each = (everything - one) / max(1, cases - 1)
    ratio = each / each_bare
    row: Row = {
        "cases": float(cases),
        "bare, each s": each_bare,
        "verify, each s": each,
        "verify, one s": one,
        "verify / bare": ratio,
        "goal": GOAL_OF_VERIFY,
        "met": ratio <= GOAL_OF_VERIFY,
    }
    step = f"verify of {cases} cases: {ratio:.3f} times the bare script; the goal is at most {GOAL_OF_VERIFY}"
    return [row], [] if row["met"] else [step]


def _timed(setting: Setting, count: int) -> float:
    started = time.perf_counter()
    _harness(setting, count, "verify")
    return time.perf_counter() - started


def _harness(setting: Setting, cases: int, *words: str) -> None:
    """A command over the first so many cases; all of them have the same definitions, whatever their number."""
    configs = setting.configs(range(cases), "components") if cases > 1 else setting.configs([0], "components")
    places = ["--root", configs.parent, "--configs", configs, "--goldens", setting.folder / "goldens"]
    where = ["--device", setting.device, "--jobs", "1"] if words[0] == "verify" else []
    _done(
        [sys.executable, "-m", "harness", *words, *places, "--out", setting.folder / "out", *where, "--quiet"]
    )


def _done(command: Sequence[str | Path]) -> str:
    """What a command that must succeed prints."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
    words = [str(word) for word in command]
    return subprocess.run(words, check=True, env=environment, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    os.environ.update(
        HF_HUB_OFFLINE="1", CUBLAS_WORKSPACE_CONFIG=":4096:8", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1"
    )
    sys.path.insert(0, str(ROOT))
    sys.exit(main(sys.argv[1:]))
