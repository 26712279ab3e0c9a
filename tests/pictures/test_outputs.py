from __future__ import annotations

from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from harness.errors import UnreadableGolden
from harness.golden.tensors import TensorFile
from harness.pictures import outputs as module
from harness.pictures.kinds import Asked
from harness.pictures.outputs import output_names, output_of, outputs_of
from tests.golden.builders import write_capture
from tests.support.files import flip_bit


def test_reads_every_output_and_nothing_of_the_trace(tmp_path: Path) -> None:
    path = write_capture(
        tmp_path / "a.safetensors",
        {"images": np.arange(12, dtype=np.uint8).reshape(2, 2, 3), "b": np.ones(3, ml_dtypes.bfloat16)},
        text={"caption": "ein Wörtchen"},
    )
    with TensorFile(path) as file:
        assert output_names(file) == ("b", "caption", "images")
        halves, caption, images = outputs_of(file)
    assert halves.dtype == "bfloat16"
    assert halves.values is not None
    assert halves.values.dtype == np.float32
    assert halves.values.tolist() == [1, 1, 1]
    assert (caption.text, caption.values) == ("ein Wörtchen", None)
    assert images.values is not None
    assert images.values.tolist() == [[[0, 1, 2], [3, 4, 5]], [[6, 7, 8], [9, 10, 11]]]


def test_complex_numbers_are_their_magnitude(tmp_path: Path) -> None:
    path = write_capture(tmp_path / "a.safetensors", {"z": np.array([3 + 4j], np.complex64)})
    with TensorFile(path) as file:
        found = output_of(file, "z")
    assert found is not None
    assert found.values is not None
    assert found.values.tolist() == [5]


def test_an_output_that_is_missing_or_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_capture(tmp_path / "a.safetensors", {"images": np.zeros((4, 4), np.float64)})
    monkeypatch.setattr(module, "MOST_BYTES", 127)
    with TensorFile(path) as file:
        assert output_of(file, "latents") is None
        found = output_of(file, "images")
    assert found is not None
    assert found.values is None


def test_a_damaged_output_is_refused(tmp_path: Path) -> None:
    path = write_capture(tmp_path / "a.safetensors", {"images": np.zeros((4, 4))})
    flip_bit(path, "output/images")
    with TensorFile(path) as file, pytest.raises(UnreadableGolden, match="sha256"):
        output_of(file, "images")


def test_what_the_case_asked_for_is_in_the_file(tmp_path: Path) -> None:
    path = write_capture(tmp_path / "a.safetensors", {"images": np.zeros((4, 4))})
    with TensorFile(path) as file:
        asked = Asked.of(file.document)
    assert asked.pipeline == file.document.definition["pipeline"]
    assert not asked.latent
