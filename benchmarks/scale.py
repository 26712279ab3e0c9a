"""Measure how commands scale with the size of a project: CPU seconds of `list`, `prune` and `verify` without workers.

The pipelines decide a worker's time. This benchmark measures everything else in a command, in separate processes:

    --help, and Python alone
    `list` of 1,000 configs, and of 10,000 goldens
    `prune` of 10,000 goldens, half of which no case uses
    `verify` of more and more cases, up to 5,000, whose captures are available at once

Goals: --help at most 0.1 s beyond Python; list of 1,000 configs at most 1 s; 10,000 goldens listed and pruned in at
most 3 s each beyond the time of their configs; verify takes the same time per case as in a small project.

    python benchmarks/scale.py [--cases 5000]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CONFIG = """\
pipeline: DDIMPipeline
model: {id: "builtin:ddpm-digits"}
steps: 2
trace: none
call: {output_type: np}
seed: SEED
"""
PLATFORM = "cpu-x86_64"
CONFIGS, GOLDENS = 1_000, 10_000


def seconds(command: Sequence[str], folder: Path, *, codes: Sequence[int] = (0,)) -> float:
    """The CPU seconds of a command that ends with one of `codes`."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package is compiled once
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode not in codes:
        sys.exit(
            f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def harness(*words: str) -> list[str]:
    """A harness command."""
    return [sys.executable, "-m", "harness", *words]


def write_configs(folder: Path, count: int) -> None:
    """Write `count` configs with one case each."""
    (folder / "configs").mkdir(parents=True)
    for number in range(count):
        (folder / f"configs/c{number:05}.yaml").write_text(CONFIG.replace("SEED", str(number)))


def write_goldens(folder: Path, count: int) -> None:
    """Write `count` goldens, for the cases that as many configs would have."""
    one = template()
    for number in range(count):
        write(folder / f"goldens/c{number:05}/{PLATFORM}.safetensors", one, f"c{number:05}")


def template() -> Any:
    """The document of a shipped golden, changed to a single small output and no trace."""
    from harness.golden.header import read_document

    return read_document(ROOT / f"goldens/ddim/cpu-generator/{PLATFORM}.safetensors")


def write(path: Path, one: Any, case: str, **changes: Any) -> None:
    """Write a golden or capture of `case`."""
    import hashlib
    from dataclasses import replace

    import numpy as np
    from safetensors.numpy import save_file

    from harness.codec import to_json

    values = np.linspace(0, 1, 64, dtype=np.float32)
    digests = {"output/images": hashlib.sha256(values.tobytes()).hexdigest()}
    document = replace(one, case=case, sha256=digests, **changes)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({"output/images": values}, path, metadata={"harness": to_json(document)})


def verify_without_workers(count: int) -> None:
    """Run `harness verify` in the current folder, writing each capture at once; print its CPU seconds."""
    import time

    from harness import cli
    from harness.config.load import load_cases
    from harness.core.capture import Completed
    from harness.run.pool import WorkerPool

    one = template()
    for case in load_cases(Path("configs")).cases:
        write(
            Path(f"goldens/{case.id}/{PLATFORM}.safetensors"),
            one,
            case.id,
            definition=case.definition(),
            digest=case.digest(),
        )

    def conduct(_pool: Any, trials: Iterable[Any], _jobs: int, then: Any = None) -> Iterator[tuple[Any, Any]]:
        for trial in trials:
            told = {"definition": trial.case.definition(), "digest": trial.case.digest()}
            write(trial.capture, one, trial.case.id, accepted=None, **told)
            outcome = Completed(str(trial.capture), one.environment, 0.0)
            if then:
                then(trial, outcome)
            yield trial, outcome

    WorkerPool.conduct = conduct  # type: ignore[method-assign]
    started = time.process_time()
    code = cli.main(["verify", "--quiet", "--device", "cpu"])
    taken = time.process_time() - started
    found = json.loads(Path("out/report.json").read_text())["summary"]
    print(json.dumps({"seconds": taken, "code": code, "summary": found, "cases": count}))


def verified(folder: Path, count: int) -> float:
    """The CPU seconds of a verify of `count` cases, which must all pass."""
    write_configs(folder, count)
    script = f"from benchmarks import scale; scale.verify_without_workers({count})"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, env=environment, capture_output=True, text=True
    )
    said = json.loads(done.stdout.splitlines()[-1]) if done.stdout else {"code": done.stderr}
    if said["code"] or said["summary"].get("identical", 0) + said["summary"].get("within", 0) != count:
        sys.exit(f"verify of {count} cases: {said}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return float(said["seconds"])


def grown(folder: Path, most: int) -> None:
    """Print the time of `verify` per case as the number of cases doubles."""
    print("| cases | CPU s | ms each |\n| --- | --- | --- |")
    for count in (most // 8, most // 4, most // 2, most):
        taken = verified(folder / f"verify-{count}", count)
        print(f"| {count} | {taken:.2f} | {1000 * taken / count:.2f} |", flush=True)


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--cases", type=int, default=5000)
    arguments = options.parse_args()
    sys.path.insert(0, str(ROOT))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seconds(harness("list", "--help"), folder)  # compiles what is not compiled yet
        alone, helped = seconds([sys.executable, "-c", ""], folder), seconds(harness("--help"), folder)
        print(f"--help                    {helped - alone:.2f} s beyond Python's {alone:.2f} s")
        write_configs(folder, CONFIGS)
        print(f"list of {CONFIGS:,} configs     {seconds(harness('list'), folder):.2f} s")
        write_goldens(folder, GOLDENS)
        print(f"the same, {GOLDENS:,} goldens  {seconds(harness('list'), folder):.2f} s")
        pruned = seconds(harness("prune"), folder, codes=(1,))
        print(f"prune of {GOLDENS:,} goldens  {pruned:.2f} s", flush=True)
        grown(folder, arguments.cases)


if __name__ == "__main__":
    main()
