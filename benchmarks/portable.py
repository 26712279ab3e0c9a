"""What portability costs: the same runs with none of its cures, with each alone, and with all of them.

Two programs: the built-in Stable Diffusion digits (50 steps), and a UNet of Stable Diffusion's shape at half its
width (two steps, 64 x 64 latents, random weights). Each is started anew for every setting, the settings in turn,
so that whatever else the machine does falls on all of them alike; the seconds are of the pipeline alone, the ratio
is to the run without any cure beside it.

    python benchmarks/portable.py [--rounds 3]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys

from harness.core.portable import MARK, VARIABLES

PROGRAM = """\
import sys, time, torch
from harness.worker.portable import elementary
torch.set_num_threads(1)
torch.backends.cuda.enable_flash_sdp(False)
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
    latents, text = torch.randn(1, 4, 64, 64), torch.randn(1, 77, 768)
    run = lambda: [unet(latents, step, text) for step in (999, 500)]
with torch.no_grad():
    run()
    started = time.perf_counter()
    run()
print(time.perf_counter() - started)
"""

MODELS = {"digits": "sd-digits, 50 steps", "unet": "half-width SD UNet, 2 steps"}

SETTINGS: dict[str, tuple[str, ...]] = {
    "none": (),
    "ATen for AVX2": ("ATEN_CPU_CAPABILITY",),
    "oneDNN for AVX2": ("ONEDNN_MAX_CPU_ISA",),
    "MKL compatible": ("MKL_CBWR",),
    "numpy and OpenBLAS for AVX2": ("NPY_DISABLE_CPU_FEATURES", "OPENBLAS_CORETYPE"),
    "elementary functions": ("elementary",),
    "all": (*(name for name, value in VARIABLES.items() if value is not None and name != MARK), "elementary"),
}


def timed(model: str, cures: tuple[str, ...]) -> float:
    """Seconds of the second run in a process with these cures."""
    bare = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    variables = {name: value for name in cures if (value := VARIABLES.get(name)) is not None}
    threads = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, model, *cures],
        env={**bare, **variables, **threads},
        check=True,
        capture_output=True,
        text=True,
    )
    return float(done.stdout)


def table(rounds: int) -> list[str]:
    """The rows in Markdown."""
    rows = {name: [name] for name in SETTINGS}
    for model in MODELS:
        seconds: dict[str, list[float]] = {name: [] for name in SETTINGS}
        for _ in range(rounds):
            for name, cures in SETTINGS.items():
                seconds[name].append(timed(model, cures))
        for name, found in seconds.items():
            ratios = [one / none for one, none in zip(found, seconds["none"], strict=True)]
            rows[name] += [f"{statistics.median(found):.2f} s", f"{statistics.median(ratios):.2f}"]
    columns = ["cure", *(part for label in MODELS.values() for part in (label, "ratio"))]
    lines = [columns, ["---"] * len(columns), *rows.values()]
    return [f"| {' | '.join(line)} |" for line in lines]


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--rounds", type=int, default=3)
    print("\n".join(table(options.parse_args().rounds)))


if __name__ == "__main__":
    main()
