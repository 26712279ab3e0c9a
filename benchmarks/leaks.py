"""Measure the cost of checking what a run left behind, as a share of that run.

    python benchmarks/leaks.py [--rounds 20] [--steps 20]

It runs sd/image repeatedly as a worker does, in one process that keeps the pipeline, and adds up the CPU time of the
checks that compare the pipeline and the process with their former state. Two other times of the same runs serve for
comparison: everything that the worker did for the case, and the pipeline's call alone without its trace. Restoring
the schedulers is not counted, since it was always done.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CASE = "sd/image"
GOAL = 0.01


class Clock:
    """Adds up the time in functions; calls between them count once."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._inside = False

    def around(self, holder: Any, name: str) -> None:
        """Time every call of `holder.name`."""
        original = getattr(holder, name)
        setattr(holder, name, lambda *args, **kwargs: self._timed(name, original, args, kwargs))

    def _timed(self, name: str, original: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        if self._inside:
            return original(*args, **kwargs)
        self._inside, started = True, time.thread_time()
        try:
            found = original(*args, **kwargs)
            return list(found) if isinstance(found, Iterator) else found
        finally:
            self._inside = False
            self.seconds[name] = self.seconds.get(name, 0.0) + time.thread_time() - started


def main() -> int:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=20)
    options.add_argument("--steps", type=int, default=20)
    arguments = options.parse_args()
    rounds = measured(arguments.rounds, arguments.steps)
    whole, call, parts = zip(*rounds, strict=True)
    checks = [sum(part.values()) for part in parts]
    print(f"{CASE}, {arguments.steps} steps, medians of {len(rounds)} rounds, milliseconds of CPU time")
    print(f"{'the case in the worker':<40} {1e3 * statistics.median(whole):9.2f}")
    print(f"{'the call alone':<40} {1e3 * statistics.median(call):9.2f}")
    for name in parts[0]:
        print(f"{'  ' + name:<40} {1e3 * statistics.median(part[name] for part in parts):9.2f}")
    print(f"{'the checks':<40} {1e3 * statistics.median(checks):9.2f}")
    ratio = shares(checks, whole)
    print(f"checks / the case in the worker          {100 * ratio:9.2f} %   (goal: under {100 * GOAL:g} %)")
    print(f"checks / the call alone                  {100 * shares(checks, call):9.2f} %")
    return 0 if ratio < GOAL else 1


def shares(checks: list[float], of: tuple[float, ...]) -> float:
    """The median over the rounds."""
    return statistics.median(one / other for one, other in zip(checks, of, strict=True))


def measured(rounds: int, steps: int) -> list[tuple[float, float, dict[str, float]]]:
    """The seconds of each round: for the case, for the call alone, and for each of the checks."""
    import torch

    from harness.config.load import load_cases
    from harness.core.messages import Job
    from harness.worker.environment import determinism
    from harness.worker.execute import JobRunner
    from harness.worker.progress import draw_no_bars
    from harness.worker.state import leftovers
    from harness.worker.state.watch import Watch

    draw_no_bars()
    determinism.set_interop_threads()
    clock = Clock()
    clock.around(Watch, "changes")
    clock.around(leftovers.settings, "read")
    clock.around(leftovers.Leftovers, "found")
    case = replace(next(one for one in load_cases(ROOT / "configs").cases if one.id == CASE), steps=steps)
    runner, found = JobRunner(torch.device("cpu"), lambda _: None), []
    with tempfile.TemporaryDirectory() as folder:
        job = Job(case, f"{folder}/capture.safetensors", case.trace_level)
        for number in range(rounds + 2):
            clock.seconds.clear()
            with timed() as whole:
                runner.run(job)
            parts = dict(clock.seconds)
            with timed() as call:
                bare(runner, case)
            if number > 1:  # the first round loads and imports
                found.append((whole[0], call[0], parts))
    if runner.spent:
        sys.exit("a run left something behind; see above")
    return found


def bare(runner: Any, case: Any) -> None:
    """The pipeline's call alone."""
    import torch

    pipeline = runner._cache._loaded.pipeline
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        pipeline(**case.call, **case.step_arguments(), generator=generator)


@contextmanager
def timed() -> Iterator[list[float]]:
    """The CPU seconds of this thread in the block."""
    found, started = [0.0], time.thread_time()
    yield found
    found[0] = time.thread_time() - started


if __name__ == "__main__":
    sys.exit(main())
