from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from harness.core.measured.calibration import Calibration
from harness.core.measured.limits import boundary_limits, left_out, output_limits
from harness.golden.calibrations import write_calibration
from harness.golden.header import read_document
from harness.golden.sidecar import Unusable, outputs_digest
from harness.judge.calibrated import calibration_of
from tests.golden.builders import environment
from tests.support.calibrations import a_calibration
from tests.support.traces import Call, write_trace

ONES = np.ones(4, np.float32)
FLOOR = {"images": {"max_abs": 8 * 2.0**-23, "rel_l2": 8 * 2.0**-23}}


def a_golden(folder: Path) -> Path:
    """A golden with one call of a network; its outputs are `images`."""
    call = Call("unet.forward", {"sample": ONES}, {"sample": ONES})
    return write_trace(folder / "cpu-x86_64.safetensors", [call], returned={"images": ONES})


def measured(golden: Path, **events: float) -> Calibration:
    """A calibration of what was measured at these boundaries, its limits by the rules."""
    base = a_calibration(outputs_digest(read_document(golden)))
    named = {
        name.replace("__", "→ ").replace("_forward", ".forward"): value for name, value in events.items()
    }
    runs = (replace(base.runs[0], boundaries=named), *base.runs[1:])
    once = max(named.values(), default=0.0)
    return replace(
        base,
        runs=runs,
        outputs=output_limits(runs, FLOOR),
        max_abs_factor=5.0,
        left_out=left_out(runs, FLOOR, {}),
        boundary_envelope=named,
        boundaries=boundary_limits(named, {"unet.forward": 32 * 2.0**-23}),
        amplification=float(f"{1e-6 / once:.3g}") if once else None,
    )


def told(golden: Path, calibration: Calibration) -> str:
    write_calibration(golden, calibration)
    found = calibration_of(golden)
    return found.reason.partition("does not fit its golden ")[2] if isinstance(found, Unusable) else ""


def test_what_follows_from_evidence_and_golden(tmp_path: Path) -> None:
    golden = a_golden(tmp_path)
    calibration = measured(golden, unet_forward=6e-7, __unet_forward=0.0)
    write_calibration(golden, calibration)
    assert calibration_of(golden) == calibration


def test_boundaries_of_other_events(tmp_path: Path) -> None:
    golden = a_golden(tmp_path)
    more = measured(golden, unet_forward=6e-7, __unet_forward=0.0, vae_forward=0.0)
    assert told(golden, more) == "(boundaries.vae.forward: its trace has no such event)"
    less = measured(golden, unet_forward=6e-7)
    assert told(golden, less) == "(boundaries.→ unet.forward is missing, its trace has that event)"
    # Another release may name its events otherwise, and its calibration is as good.
    released = replace(more, environment=environment(torch="2.14.0"))
    assert told(golden, released) == ""


def test_a_boundary_s_floor_is_that_of_its_dtype(tmp_path: Path) -> None:
    golden = a_golden(tmp_path)
    calibration = measured(golden, unet_forward=6e-7, __unet_forward=0.0)
    wide = replace(calibration, boundaries={**calibration.boundaries, "unet.forward": 0.0625})
    assert told(golden, wide).startswith(
        "(boundaries.unet.forward is 0.0625, evidence and dtype lead to 3.81"
    )


def test_outputs_that_the_golden_does_not_have(tmp_path: Path) -> None:
    golden = a_golden(tmp_path)
    calibration = measured(golden, unet_forward=6e-7, __unet_forward=0.0)
    runs = tuple(
        replace(run, outputs=tuple(replace(one, output="masks") for one in run.outputs))
        for run in calibration.runs
    )
    other = replace(calibration, runs=runs, outputs=output_limits(runs, {"masks": FLOOR["images"]}))
    assert told(golden, other) == "(limits of masks, its outputs are images)"
