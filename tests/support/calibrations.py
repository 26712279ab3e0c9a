"""A calibration to put beside goldens in tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.core.measured import limits
from harness.core.measured.calibration import (
    Calibration,
    Effect,
    Growth,
    LeftOut,
    OutputLimits,
    OutputNoise,
    VariedRun,
)
from harness.core.tolerance import METRICS, Limits
from harness.golden.sidecar import outputs_digest
from harness.golden.tensors import TensorFile
from harness.golden.trace import read_trace
from harness.judge.floors import boundary_floors, floors, scales
from tests.golden.builders import environment


def evidence(family: str, value: float | None, name: str = "", **fields: Any) -> VariedRun:
    """A counted run that moved `images` by `value` in rel_l2, and by half of it in max_abs."""
    half = None if value is None else value / 2
    noise = OutputNoise("images", dict.fromkeys(METRICS) | {"rel_l2": value, "max_abs": half})
    return VariedRun(family, name or family, Effect.COUNTED, outputs=(noise,), **fields)


def a_calibration(golden: str = "digest", **fields: Any) -> Calibration:
    """Limits of images: rel_l2 3e-6 and max_abs 1.5e-6 on the same hardware, 1e-5 and 5e-6 on other."""
    images = OutputLimits(
        "images",
        {"rel_l2": 1e-6, "max_abs": 5e-7},
        {"rel_l2": 1e-7, "max_abs": 1e-7},
        Limits(max_abs=1.5e-6, rel_l2=3e-6),
        Limits(max_abs=5e-6, rel_l2=1e-5),
    )
    given: dict[str, Any] = {
        "schema": 1,
        "case": "ddim/two",
        "platform": "cpu-x86_64",
        "golden": golden,
        "at": "2026-01-01T00:00:00+00:00",
        "harness_version": "0.1.0",
        "environment": environment(),
        "factor": 3.0,
        "cross_factor": 10.0,
        "outputs": (images,),
        "boundaries": {"unet.forward": 1.98e-6, "→ unet.forward": 1e-6},
        "boundary_envelope": {"unet.forward": 6.6e-7, "→ unet.forward": 0.0},
        "amplification": 1.52,
        "growth": (Growth("scheduler.step", (1e-8, 1e-6)),),
        "left_out": (LeftOut("ulp", 1, 0, 0, 1.25), LeftOut("mkl", 1, 0, 0, 0.8)),
        "gates": (),
        "runs": (
            evidence(
                "ulp",
                1e-6,
                "ulp 1",
                boundaries={"unet.forward": 6.6e-7, "→ unet.forward": 0.0},
                growth=(Growth("scheduler.step", (1e-8, 1e-6)),),
            ),
            evidence("mkl", 8e-7, "MKL COMPATIBLE"),
            VariedRun("batch", "batch of 2", Effect.SKIPPED, "the pipeline takes none"),
        ),
    }
    return Calibration(**(given | fields))


def calibration_from(runs: Sequence[VariedRun], golden: TensorFile) -> Calibration:
    """What the rules make of these runs of `golden`."""
    trace = read_trace(golden)
    floor, boundary_floor = floors(scales(golden)), boundary_floors(trace) if trace else {}
    once = limits.boundary_envelope(runs)
    return a_calibration(
        outputs_digest(golden.document),
        outputs=limits.output_limits(runs, floor),
        max_abs_factor=limits.MAX_ABS_FACTOR,
        boundaries=limits.boundary_limits(once, boundary_floor),
        boundary_envelope=once,
        amplification=limits.amplification(runs),
        growth=limits.envelope_growth(runs),
        left_out=limits.left_out(runs, floor, boundary_floor),
        runs=tuple(runs),
    )
