from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from harness.core.measured.mutants import MUTANTS
from harness.core.measured.sensitivity import (
    Channel,
    Detection,
    MutantResult,
    MutantState,
    Sensitivity,
    Smallest,
)
from harness.core.tolerance import Relation
from harness.golden.header import read_document
from harness.golden.sensitivities import read_sensitivity, write_sensitivity
from harness.golden.sidecar import outputs_digest
from tests.golden.builders import environment, write_capture

SEEN = tuple(
    sighting
    for relation in (Relation.SAME_HARDWARE, Relation.SAME)
    for sighting in (
        Detection(relation, Channel.FORCED, caught=True, margin=2.5, at="unet.forward[0]"),
        Detection(relation, Channel.OUTPUTS, caught=False, margin=0.5, at="images rel_l2"),
    )
)


def a_sensitivity(golden: str, **fields: object) -> Sensitivity:
    """Every fault caught in `same-hardware` and `same`, by a forced boundary."""
    faults = [
        MutantResult(fault.name, fault.strength, MutantState.APPLIED, acted=1, sightings=SEEN)
        for fault in MUTANTS.values()
    ]
    given: dict[str, object] = {
        "schema": 1,
        "case": "ddim/two",
        "platform": "cpu-x86_64",
        "golden": golden,
        "limits": "0" * 64,
        "at": "2026-01-01T00:00:00+00:00",
        "harness_version": "0.1.0",
        "environment": environment(),
        "seconds": 1.5,
        "faults": tuple(faults),
        "smallest": (Smallest("guidance.scale", 1e-5, None, 1e-4),),
    }
    return Sensitivity(**(given | fields))  # type: ignore[arg-type]


def test_written_and_read_again_next_to_the_golden(tmp_path: Path) -> None:
    golden = write_capture(tmp_path / "cpu-x86_64.safetensors", {"images": np.ones(4)})
    sensitivity = a_sensitivity(outputs_digest(read_document(golden)))
    path = write_sensitivity(golden, sensitivity)
    assert path == tmp_path / "cpu-x86_64.sensitivity.json"
    assert json.loads(path.read_text())["faults"][0]["sightings"][0]["margin"] == 2.5
    assert read_sensitivity(golden, read_document(golden)) == sensitivity
