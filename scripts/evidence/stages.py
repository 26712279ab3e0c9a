"""The stages in the order of their value, each with its share of the time; the summary after every step."""

from __future__ import annotations

import json
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from scripts.evidence import found as kept
from scripts.evidence import packing, summary
from scripts.evidence.bench import Bench, OutOfTime
from scripts.evidence.found import Found


@dataclass(frozen=True)
class Stage:
    """The module that holds `run(bench, found)`, and the stage's share of the time."""

    module: str
    share: float


STAGES: Mapping[str, Stage] = {
    "goldens": Stage("scripts.evidence.goldens", 36),
    "distances": Stage("scripts.evidence.distances", 12),
    "latents": Stage("scripts.evidence.latents", 8),
    "switches": Stage("scripts.evidence.switches", 18),
    "speed": Stage("scripts.evidence.speed", 14),
    "tests": Stage("scripts.evidence.gpu_tests", 12),
}


def run(bench: Bench, names: Sequence[str], seconds: float) -> int:
    """Run these stages, in the order of STAGES; returns 1 if one failed, 0 otherwise.

    A stage that needs less than its share leaves the rest to those that follow.
    """
    signal.signal(signal.SIGTERM, _terminated)
    bench.work.mkdir(parents=True, exist_ok=True)
    bench.out.mkdir(parents=True, exist_ok=True)
    chosen = [name for name in STAGES if name in names]
    end = time.monotonic() + seconds
    for place, name in enumerate(chosen):
        shares = [STAGES[later].share for later in chosen[place:]]
        left = max(0.0, end - time.monotonic())
        bench.stage = name
        bench.deadline = time.monotonic() + left * shares[0] / sum(shares)
        _run_one(bench, import_module(STAGES[name].module).run)
    found = results(bench)
    print(summary.text(bench, found))
    return 1 if any(found[name].failures for name in chosen) else 0


def _terminated(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _run_one(bench: Bench, stage: Callable[[Bench, Found], None]) -> None:
    """Run the current stage; whatever happens in it, what it found is written."""
    started = time.monotonic()
    print(f"{bench.stage}: {bench.deadline - started:.0f} s at most", file=sys.stderr)
    found = Found(bench.stage, lambda one: _save(bench, one, started))
    _save(bench, found, started)
    try:
        stage(bench, found)
        found.state = kept.COMPLETE
    except OutOfTime:
        found.state = kept.OUT_OF_TIME
    except Exception as error:
        found.state = kept.FAILED
        found.failures.append(f"{type(error).__name__}: {' '.join(str(error).split())}")
        with bench.log.open("a", encoding="utf-8") as log:
            traceback.print_exc(file=log)
    finally:
        _save(bench, found, started)
        packing.logs(bench)
    print(f"{bench.stage}: {found.state} after {found.seconds:.0f} s", file=sys.stderr)


def _save(bench: Bench, found: Found, started: float) -> None:
    found.seconds = time.monotonic() - started
    _replace(_path(bench, found.stage), json.dumps(found.document(), indent=1))
    everything = results(bench)
    _replace(bench.out / "summary.json", json.dumps(summary.document(bench, everything), indent=1))
    _replace(bench.out / "summary.txt", summary.text(bench, everything) + "\n")


def results(bench: Bench) -> dict[str, Found]:
    """What the stages have found so far, in this call or in an earlier one."""
    return {name: kept.read(_path(bench, name)) for name in STAGES if _path(bench, name).is_file()}


def _path(bench: Bench, name: str) -> Path:
    return bench.work / "results" / f"{name}.json"


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
