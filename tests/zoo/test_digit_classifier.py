"""The bundled classifier reads digits it never learned from, with numpy alone."""

import subprocess
import sys

import numpy as np
import pytest

from harness.zoo import digit_classifier
from harness.zoo.train import data


@pytest.mark.parametrize("side", [8, 16, 32])
def test_reads_held_out_digits(side: int) -> None:
    """It reads 355 or 356 of 360 where it was trained; a few may turn over on other hardware."""
    held_out = data.held_out()
    pictures = data.digit_images(side)[held_out, 0].numpy() / 2 + 0.5
    read = digit_classifier.read_digits(pictures)
    assert len(read) == 360
    assert (read == data.digit_labels()[held_out].numpy()).sum() >= 353


def test_colour_counts_as_its_mean() -> None:
    grey = data.digit_images(16)[:20, 0].numpy() / 2 + 0.5
    colour = np.stack([grey * 0.5, grey, grey * 1.5], axis=3)
    assert (digit_classifier.read_digits(colour) == digit_classifier.read_digits(grey)).all()


@pytest.mark.parametrize("shape", [(8, 8), (1, 12, 16), (1, 16, 12), (1, 1, 8, 8, 3)])
def test_refuses_other_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="resize them first"):
        digit_classifier.read_digits(np.zeros(shape, np.float32))


def test_needs_neither_torch_nor_sklearn() -> None:
    program = (
        "import sys, numpy as np; from harness.zoo import digit_classifier as c;"
        "c.read_digits(np.zeros((1, 8, 8))); print(sorted({'torch', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
