from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.errors import StoreError
from harness.golden.calibrations import CALIBRATION, read_calibration, write_calibration
from harness.golden.header import read_document
from harness.golden.sidecar import Unusable, outputs_digest
from tests.golden.builders import write_capture
from tests.support.calibrations import a_calibration


def a_golden(folder: Path, value: float = 1.0, **tensors: object) -> Path:
    return write_capture(folder / "cpu-x86_64.safetensors", {"images": np.full(4, value), **tensors})


def test_paths(tmp_path: Path) -> None:
    golden = tmp_path / "cuda-sm9.0.safetensors"
    assert CALIBRATION.path(golden) == tmp_path / "cuda-sm9.0.calibration.json"
    assert CALIBRATION.golden(CALIBRATION.path(golden)) == golden


def test_the_digest_covers_only_the_outputs(tmp_path: Path) -> None:
    digests = [
        outputs_digest(read_document(a_golden(tmp_path / name, value, **tensors)))
        for name, value, tensors in (
            ("a", 1.0, {}),
            ("b", 1.0, {"trace/rows": np.zeros(3, np.int32)}),
            ("c", 2.0, {}),
            ("d", 1.0, {"masks": np.zeros(2)}),
        )
    ]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


def test_written_and_read_again(tmp_path: Path) -> None:
    golden = a_golden(tmp_path)
    calibration = a_calibration(outputs_digest(read_document(golden)))
    path = write_calibration(golden, calibration)
    assert read_calibration(golden, read_document(golden)) == calibration
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [path.name, golden.name]
    again = replace(calibration, at="2026-01-02T00:00:00+00:00")
    write_calibration(golden, again)
    assert read_calibration(golden, read_document(golden)) == again


def reason(golden: Path) -> str:
    found = read_calibration(golden, read_document(golden))
    assert isinstance(found, Unusable)
    return found.reason


def test_what_does_not_belong_to_the_golden(tmp_path: Path) -> None:
    golden = a_golden(tmp_path)
    path = CALIBRATION.path(golden)
    assert reason(golden) == f"{path}: no such file"
    write_calibration(golden, a_calibration(outputs_digest(read_document(golden))))
    a_golden(tmp_path, 2.0)
    assert reason(golden) == f"{path}: belongs to another golden, with other outputs than {golden.name}"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "is not a calibration (the file"),
        ('{"schema": 2}', "has schema 2, but this harness reads 1"),
        ('{"schema": 1, "case": "a"}', "is not a calibration (platform"),
        ("\x00", "is not a calibration"),
    ],
)
def test_damaged_files(text: str, told: str, tmp_path: Path) -> None:
    golden = a_golden(tmp_path)
    CALIBRATION.path(golden).write_text(text)
    assert told in reason(golden)


def test_a_limit_that_was_edited_to_nonsense(tmp_path: Path) -> None:
    golden = a_golden(tmp_path)
    path = write_calibration(golden, a_calibration(outputs_digest(read_document(golden))))
    document = json.loads(path.read_text())
    document["outputs"][0]["same_hardware"]["rel_l2"] = "much"
    path.write_text(json.dumps(document))
    assert "outputs.0.same_hardware.rel_l2" in reason(golden)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    golden = a_golden(tmp_path)
    CALIBRATION.path(golden).mkdir()
    with pytest.raises(StoreError, match="cannot be written"):
        write_calibration(golden, a_calibration())
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [CALIBRATION.path(golden).name, golden.name]
