"""The sensitivity that lies beside a golden: which planted faults its limits caught when they were last tried."""

from __future__ import annotations

from pathlib import Path

from harness.core.capture import CaptureDocument
from harness.core.measured.consistency import sensitivity_contradiction
from harness.core.measured.sensitivity import SENSITIVITY_SCHEMA, Sensitivity
from harness.golden.sidecar import Kind, Unusable, read_sidecar, write_sidecar

SENSITIVITY = Kind("sensitivity", ".sensitivity.json", SENSITIVITY_SCHEMA)


def read_sensitivity(golden: Path, document: CaptureDocument) -> Sensitivity | Unusable:
    """The sensitivity of the golden at `golden` with this document; Unusable where none does that holds together."""
    return read_sidecar(Sensitivity, SENSITIVITY, golden, document, sensitivity_contradiction)


def write_sensitivity(golden: Path, sensitivity: Sensitivity) -> Path:
    """Store `sensitivity` beside the golden; raises StoreError."""
    return write_sidecar(SENSITIVITY, golden, sensitivity)
