"""Input files follow from their names, and `$file` and `$tuple` are read back."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest
import torch
from PIL import Image

from tests.support.tiny import inputs


def test_image_size_is_width_by_height(tmp_path: Path) -> None:
    inputs.write(tmp_path, "image_48x32_b.png")
    with Image.open(tmp_path / "image_48x32_b.png") as image:
        assert (image.size, image.mode) == ((48, 32), "RGB")


def test_mask_is_black_above_and_left(tmp_path: Path) -> None:
    inputs.write(tmp_path, "mask_8.png")
    with Image.open(tmp_path / "mask_8.png") as image:
        pixels = numpy.asarray(image)
    assert pixels[:2].max() == 0
    assert pixels[2:, 2:].min() == 255


def test_tensor_keeps_its_shape_through_the_reference(tmp_path: Path) -> None:
    reference = inputs.file("tensor_1x4x2.safetensors")
    inputs.write(tmp_path, next(inputs.referenced(reference)))
    tensor = inputs.resolve(reference, tmp_path)
    assert isinstance(tensor, torch.Tensor)
    assert (tensor.shape, tensor.dtype) == ((1, 4, 2), torch.float32)


def test_array_lies_between_nought_and_one(tmp_path: Path) -> None:
    inputs.write(tmp_path, "array_2x3.npy")
    array = inputs.resolve({"$file": "array_2x3.npy"}, tmp_path)
    assert isinstance(array, numpy.ndarray)
    assert array.shape == (2, 3)
    assert 0 <= array.min() < array.max() < 1


def test_word_in_the_name_changes_the_content(tmp_path: Path) -> None:
    for name in ("array_2x3_a.npy", "array_2x3_b.npy"):
        inputs.write(tmp_path, name)
    assert not numpy.array_equal(
        numpy.load(tmp_path / "array_2x3_a.npy"), numpy.load(tmp_path / "array_2x3_b.npy")
    )


def test_references_are_found_at_any_depth() -> None:
    call = {"image": [inputs.file("image_8.png"), None], "nested": {"$tuple": [inputs.file("mask_8.png"), 1]}}
    assert list(inputs.referenced(call)) == ["image_8.png", "mask_8.png"]


def test_tuple_is_made_a_tuple(tmp_path: Path) -> None:
    assert inputs.resolve({"size": {"$tuple": [8, 8]}}, tmp_path) == {"size": (8, 8)}


def test_name_without_content_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'photo.png' names no content"):
        inputs.write(tmp_path, "photo.png")
