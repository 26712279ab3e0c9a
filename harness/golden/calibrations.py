"""The calibration stored as a golden's sidecar."""

from __future__ import annotations

from pathlib import Path

from harness.core.capture import CaptureDocument
from harness.core.measured.calibration import CALIBRATION_SCHEMA, Calibration
from harness.core.measured.consistency import calibration_contradiction
from harness.golden.sidecar import Kind, Unusable, read_sidecar, write_sidecar

CALIBRATION = Kind("calibration", ".calibration.json", CALIBRATION_SCHEMA)


def read_calibration(golden: Path, document: CaptureDocument) -> Calibration | Unusable:
    """The calibration of the golden at `golden` with this document; Unusable if there is no consistent one."""
    return read_sidecar(Calibration, CALIBRATION, golden, document, calibration_contradiction)


def write_calibration(golden: Path, calibration: Calibration) -> Path:
    """Store `calibration` next to the golden; raises StoreError."""
    return write_sidecar(CALIBRATION, golden, calibration)
