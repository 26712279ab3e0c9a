"""Measure the cost of portability: the same runs without any cure, with each cure alone, and with all of them.

Two programs: the built-in Stable Diffusion digits (50 steps), and a UNet of Stable Diffusion's shape at half its
width (two steps, 32 x 32 latents, random weights), on one thread. Every setting has its own process. They run in
turn while all others wait, so that other work on the machine affects all of them equally. The seconds are the
pipeline's alone. A ratio compares a setting's seconds with those without any cure in the same round; the median over
the rounds is shown.

It also measures the start of a worker: the proof of portability on an untested machine, and with remembered known
answers; and the alignment of 1 GiB of weights that all must move, and of as many that are aligned already.

It takes about six minutes and 10 GB of memory (seven UNets); `--rounds` sets the first part's length.

    python benchmarks/portable.py [--rounds 7]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from harness.core.portable.switches import MARK, VARIABLES

ELEMENTARY = "elementary"

MODELS = {"digits": "sd-digits, 50 steps", "unet": "half-width SD UNet, 32 x 32 latents, 2 steps"}

# Runs once to warm up, then once for each input line, and prints the seconds.
PROGRAM = """\
import sys, time, torch
from diffusers.utils import logging
from harness.core.case import Determinism
from harness.worker.environment import determinism
from harness.worker.portable import elementary
determinism.set_interop_threads()
determinism.apply(Determinism(), 1)
logging.disable_progress_bar()
if "elementary" in sys.argv[2:]:
    elementary.install()
torch.manual_seed(0)
if sys.argv[1] == "digits":
    from diffusers import StableDiffusionPipeline
    from harness import zoo
    pipeline = StableDiffusionPipeline.from_pretrained(zoo.model_dir("sd-digits"))
    pipeline.set_progress_bar_config(disable=True)
    run = lambda: pipeline("a handwritten three", num_inference_steps=50, generator=torch.Generator().manual_seed(0))
else:
    from diffusers import UNet2DConditionModel
    unet = UNet2DConditionModel(block_out_channels=(160, 320, 640, 640), cross_attention_dim=768).eval()
    latents, text = torch.randn(1, 4, 32, 32), torch.randn(1, 77, 768)
    run = lambda: [unet(latents, step, text) for step in (999, 500)]
with torch.no_grad():
    run()
    print("ready", flush=True)
    for line in sys.stdin:
        started = time.perf_counter()
        run()
        print(time.perf_counter() - started, flush=True)
"""

PROOF = """\
import time, torch
from harness.core.case import Determinism
from harness.worker.environment import determinism, fingerprint
from harness.worker.portable import proof
determinism.apply(Determinism(), 1)
here = fingerprint.environment(torch.device("cpu"), determinism.read_back())
started = time.perf_counter()
found = proof.prove(here)
print(time.perf_counter() - started)
assert found.effective, found.reason
"""

ALIGNMENT = """\
import resource, sys, time, torch
from types import SimpleNamespace
from harness.worker.loading.alignment import align
module = torch.nn.Module()
for number in range(16):
    memory = torch.zeros((64 << 20) + 64, dtype=torch.uint8)
    first = -memory.data_ptr() % 64 + int(sys.argv[1])
    weight = memory[first : first + (64 << 20)].view(torch.float32)
    module.register_buffer(f"weight{number}", weight)
del memory, weight
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
started = time.perf_counter()
moved = align(SimpleNamespace(unet=module))
seconds = time.perf_counter() - started
print(seconds, moved / 2**30, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**10)
"""

GROUPS: Mapping[str, tuple[str, ...]] = {
    "ATen for AVX2": ("ATEN_CPU_CAPABILITY",),
    "oneDNN for AVX2": ("ONEDNN_MAX_CPU_ISA",),
    "MKL compatible": ("MKL_CBWR",),
    "numpy and OpenBLAS for AVX2": ("NPY_DISABLE_CPU_FEATURES", "OPENBLAS_CORETYPE"),
    "elementary functions": (ELEMENTARY,),
}


def settings() -> Mapping[str, tuple[str, ...]]:
    """The cures of each setting by name: none, each group alone, those without a group, all."""
    every = [name for name, value in VARIABLES.items() if value is not None and name != MARK]
    grouped = {name for names in GROUPS.values() for name in names}
    others = {name: (name,) for name in every if name not in grouped}
    return {"none": (), **GROUPS, **others, "all": (*every, ELEMENTARY)}


def environment(cures: Sequence[str]) -> dict[str, str]:
    """The caller's variables, overridden by those of `cures`."""
    bare = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    variables = {name: value for name in cures if (value := VARIABLES.get(name)) is not None}
    threads = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    quiet = {"TRANSFORMERS_VERBOSITY": "error", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_OFFLINE": "1"}
    return {**bare, **variables, **threads, **quiet}


@contextmanager
def processes(model: str) -> Iterator[Mapping[str, subprocess.Popen[str]]]:
    """A waiting process for each setting, by name, that has loaded the model."""
    with ExitStack() as stack:
        started = {name: _start(model, cures) for name, cures in settings().items()}
        for worker in started.values():
            stack.callback(worker.wait)
            stack.callback(worker.kill)
        for name, worker in started.items():
            if worker.stdout.readline() != "ready\n":
                sys.exit(f"{model}, {name}: could not be loaded; see the error above")
        yield started


def _start(model: str, cures: Sequence[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, model, *cures],
        env=environment(cures),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def one_run(worker: subprocess.Popen[str]) -> float:
    """Seconds of one run in a waiting process."""
    worker.stdin.write("run\n")
    worker.stdin.flush()
    return float(worker.stdout.readline())


def measured(model: str, rounds: int) -> Mapping[str, list[float]]:
    """Seconds of each round by setting; a round runs every setting once."""
    with processes(model) as workers:
        seconds: dict[str, list[float]] = {name: [] for name in workers}
        for number in range(rounds):
            # Every second round runs in reverse order, so that a machine that slows down favours no setting.
            for name in list(workers)[:: 1 if number % 2 == 0 else -1]:
                seconds[name].append(one_run(workers[name]))
    return seconds


def table(rounds: int) -> list[str]:
    """The rows in Markdown."""
    rows = {name: [name] for name in settings()}
    for model in MODELS:
        seconds = measured(model, rounds)
        for name, found in seconds.items():
            ratios = [one / none for one, none in zip(found, seconds["none"], strict=True)]
            spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
            rows[name] += [f"{statistics.median(found):.2f} s", spread]
    columns = ["cure", *(part for label in MODELS.values() for part in (label, "ratio"))]
    lines = [columns, ["---"] * len(columns), *rows.values()]
    return [f"| {' | '.join(line)} |" for line in lines]


def numbers(program: str, *words: str, **variables: str) -> list[float]:
    """The output of a program under all cures."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, *words],
        env={**environment(settings()["all"]), MARK: "1", **variables},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return [float(word) for word in done.stdout.split()]


def start_up(rounds: int) -> list[str]:
    """The cost of a worker's start and of the alignment of weights, in sentences."""
    first, later = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as cache:
            first += numbers(PROOF, XDG_CACHE_HOME=cache)
            later += numbers(PROOF, XDG_CACHE_HOME=cache)
    lines = [
        f"proof of portability, first start on a machine: {statistics.median(first):.2f} s",
        f"proof of portability, known answers remembered: {statistics.median(later):.2f} s",
    ]
    for offset, words in (("16", "all of them must move"), ("0", "all aligned already")):
        seconds, gib, peak = zip(*(numbers(ALIGNMENT, offset) for _ in range(rounds)), strict=True)
        lines.append(
            f"alignment of 1 GiB in 16 weights, {words}: {statistics.median(seconds):.2f} s, {gib[0]:.0f} GiB moved, "
            f"peak {statistics.median(peak):.0f} MiB higher"
        )
    return lines


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--rounds", type=int, default=7)
    rounds = options.parse_args().rounds
    print(*table(rounds), "", sep="\n", flush=True)
    print(*start_up(min(rounds, 3)), sep="\n")


if __name__ == "__main__":
    main()
