"""Compare the cost of the harness with hand-written code: CPU seconds and wall time of the same calls, in one run.

It runs the shipped cases with goldens of this machine, without their invariants and forced replays, so that every
peer makes the same calls:

    bare     a script that loads each model once and calls its pipelines: nothing is kept, nothing compared
    suite    the same as a pytest suite in diffusers' own style: `from_pretrained` in every test, a slice compared
    verify   `harness verify` with one worker
    record   `harness record`: two fresh processes for each case

Start-up (interpreter, imports, a worker) is measured separately. Goals: verify at most 1.05 x bare beyond one start-up
and at most half of the suite; record at most 2.3 x verify.

    python benchmarks/peers.py [--select ddim/*] [--rounds 1]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LEFT_OUT = ("invariants", "forced", "min_sensitivity")

SUITE = """
import json
import numpy as np
import pytest
from benchmarks import peers

SLICES = json.load(open("slices.json"))


@pytest.mark.parametrize("case", peers.cases("configs"), ids=lambda case: case.id)
def test_case(case):
    pipeline = peers.loaded(case)
    found = peers.slice_of(peers.called(pipeline, case))
    if case.seed is not None or not case.allow_nondeterministic:
        assert np.abs(np.array(found) - np.array(SLICES[case.id])).max() < 1e-3
"""


@dataclass(frozen=True)
class Cost:
    """The time of a command in seconds, including its children."""

    cpu: float
    wall: float


# The peers: they run in their own processes, and only those import torch.


def cases(folder: str) -> list[Any]:
    """The cases of a folder of configs."""
    from harness.config.load import load_cases

    return [*load_cases(Path(folder)).cases]


def loaded(case: Any) -> Any:
    """The case's pipeline, loaded from its files and set up by diffusers' own methods."""
    import torch

    from harness import zoo
    from harness.worker.environment.classes import pipeline_class
    from harness.worker.loading import variants
    from harness.worker.model_files import model_index

    dtype = getattr(torch, case.model.dtype)
    folder = zoo.model_dir(case.model.id.removeprefix("builtin:"))
    # Whoever loads an old checkpoint by hand has to tell diffusers where its modules are now.
    model_index.alias_moved_modules(model_index.read(folder / model_index.INDEX))
    pipeline = pipeline_class(case).from_pretrained(folder, dtype=dtype)
    pipeline.set_progress_bar_config(disable=True)
    variants.set_up(pipeline, case, torch.device("cpu"))
    return pipeline


def called(pipeline: Any, case: Any) -> Any:
    """The pipeline's result for the case's arguments."""
    import torch

    from harness.worker import seeding
    from harness.worker.inputs import arguments
    from harness.worker.loading.schedulers import put_scheduler

    put_scheduler(pipeline, case.scheduler)
    generator = seeding.fresh_generator(case, torch.device("cpu"))
    keywords, _filled_in = arguments.assemble(pipeline, case, generator)
    with torch.no_grad():
        return pipeline(**keywords)


def slice_of(output: Any) -> list[float]:
    """Nine values of a corner, as diffusers' own tests compare them."""
    import numpy as np

    value = output.images
    array = np.asarray(value.float() if hasattr(value, "float") else value, dtype=np.float64)
    return [float(one) for one in array[0, -3:, -3:, -1].flatten()]


def bare(folder: str, slices: str) -> None:
    """Run every case, with each model loaded once, and write the slices to a file for the suite."""
    import torch

    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    own: dict[str, Any] = {}
    found = {}
    for case in cases(folder):
        key = f"{case.pipeline} {case.model} {case.variant}"
        if key not in own:
            own.clear()
            pipeline = loaded(case)
            # unCLIP has two schedulers with names of their own, and no case replaces them.
            own[key] = (pipeline, getattr(pipeline, "scheduler", None))
        pipeline, scheduler = own[key]
        if scheduler is not None:
            pipeline.scheduler = scheduler
        found[case.id] = slice_of(called(pipeline, case))
    Path(slices).write_text(json.dumps(found))


# The measurement


def cost(command: Sequence[str], folder: Path, variables: Mapping[str, str]) -> Cost:
    """The time of a command that must succeed."""
    environment = {**os.environ, **variables}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # installed packages are compiled once
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(cpu, time.perf_counter() - started)


def prepared(folder: Path, select: str) -> None:
    """The shipped configs that run here, without the keys that make `verify` run a case more than once."""
    import yaml

    for path in sorted((ROOT / "configs").rglob("*.yaml")):
        name = path.relative_to(ROOT / "configs").with_suffix("")
        if name.parts[0] == "hub" or not name.match(select):
            continue
        stated = {
            key: value for key, value in yaml.safe_load(path.read_text()).items() if key not in LEFT_OUT
        }
        # Calibrated limits are stored next to the goldens, and these goldens are new.
        text = re.sub(r": calibrated\b", ": {rel_l2: 1.0e-3}", yaml.safe_dump(stated, sort_keys=False))
        text = re.sub(r"^tolerance: .*$", "tolerance: {same-hardware: {rel_l2: 1.0e-3}}", text, flags=re.M)
        target = folder / "configs" / name.with_suffix(".yaml")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    shutil.copytree(ROOT / "configs/sd/inputs", folder / "configs/sd/inputs", dirs_exist_ok=True)
    (folder / "test_suite.py").write_text(SUITE)


def commands() -> Mapping[str, list[str]]:
    """Each peer's command, in an order that provides what each needs."""
    harness = [sys.executable, "-m", "harness"]
    cpu = ["--device", "cpu", "--quiet", "--jobs", "1"]
    script = "from benchmarks import peers; peers.{}".format
    imports = "import torch, diffusers; diffusers.DiffusionPipeline"
    return {
        "bare start": [sys.executable, "-c", imports],
        "harness start": [*harness, "env", "--device", "cpu"],
        "bare": [sys.executable, "-c", script("bare('configs', 'slices.json')")],
        "suite": [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_suite.py"],
        "record": [*harness, "record", "--update", "--no-gates", *cpu],
        "verify": [*harness, "verify", *cpu],
    }


def portable_variables() -> Mapping[str, str]:
    """The variables that the harness sets for a run, so that the peers use the same kernels and one thread."""
    from harness.core.case import Determinism
    from harness.run.variables import variables_for

    return {name: value for name, value in variables_for(Determinism()).items() if value is not None}


def measured(folder: Path, rounds: int) -> dict[str, Cost]:
    """The medians over `rounds` rounds; each round runs every peer once."""
    own = {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    peers = {**own, **portable_variables()}
    found: dict[str, list[Cost]] = {}
    for _ in range(rounds):
        for name, command in commands().items():
            variables = own if "harness" in command else peers
            found.setdefault(name, []).append(cost(command, folder, variables))
            print(f"{name}: {found[name][-1].cpu:.1f} s CPU", file=sys.stderr)
    middle: Callable[[list[float]], float] = statistics.median
    return {
        name: Cost(middle([one.cpu for one in costs]), middle([one.wall for one in costs]))
        for name, costs in found.items()
    }


def shown(found: Mapping[str, Cost], count: int) -> str:
    """The table and the ratios, in CPU seconds, which other work on the machine affects least."""
    rows = [f"| {name} | {one.cpu:.1f} | {one.wall:.1f} |" for name, one in found.items()]
    beyond_bare = found["bare"].cpu - found["bare start"].cpu
    beyond_verify = found["verify"].cpu - found["harness start"].cpu
    verify, suite, record = (found[name].cpu for name in ("verify", "suite", "record"))
    return "\n".join(
        [
            f"{count} cases",
            "| | CPU s | wall s |",
            "| --- | --- | --- |",
            *rows,
            f"verify / bare, beyond start-up   {beyond_verify / beyond_bare:.2f}   (goal: at most 1.05)",
            f"verify / suite                   {verify / suite:.2f}   (goal: at most 0.50)",
            f"record / verify                  {record / verify:.2f}   (goal: at most 2.30)",
        ]
    )


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--select", default="*", help="a pattern of config names, such as ddim/*")
    options.add_argument("--rounds", type=int, default=1)
    arguments = options.parse_args()
    sys.path.insert(0, str(ROOT))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepared(folder, arguments.select)
        print(shown(measured(folder, arguments.rounds), len(cases(str(folder / "configs")))))


if __name__ == "__main__":
    main()
