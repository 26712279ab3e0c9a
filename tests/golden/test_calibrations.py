from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.golden.calibrations import read_calibration, write_calibration
from harness.golden.header import read_document
from harness.golden.sidecar import outputs_digest
from tests.golden.builders import write_capture
from tests.support.calibrations import a_calibration


def test_it_is_next_to_the_golden_of_its_platform(tmp_path: Path) -> None:
    golden = write_capture(tmp_path / "cpu-x86_64.safetensors", {"images": np.ones(4)})
    calibration = a_calibration(outputs_digest(read_document(golden)))
    assert write_calibration(golden, calibration) == tmp_path / "cpu-x86_64.calibration.json"
    assert read_calibration(golden, read_document(golden)) == calibration
