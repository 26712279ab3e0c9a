"""The sensitivity stored as a golden's sidecar: which planted faults its limits caught when last tested."""

from __future__ import annotations

from pathlib import Path

from harness.core.capture import CaptureDocument
from harness.core.measured.consistency import sensitivity_contradiction
from harness.core.measured.sensitivity import SENSITIVITY_SCHEMA, Sensitivity
from harness.golden.sidecar import Kind, Unusable, read_sidecar, write_sidecar

SENSITIVITY = Kind("sensitivity", ".sensitivity.json", SENSITIVITY_SCHEMA)


def read_sensitivity(golden: Path, document: CaptureDocument) -> Sensitivity | Unusable:
    """The sensitivity of the golden at `golden` with this document; Unusable if there is no consistent one."""
    return read_sidecar(Sensitivity, SENSITIVITY, golden, document, sensitivity_contradiction)


def write_sensitivity(golden: Path, sensitivity: Sensitivity) -> Path:
    """Store `sensitivity` next to the golden; raises StoreError."""
    return write_sidecar(SENSITIVITY, golden, sensitivity)
