"""Reads which digit an image shows, with a tiny bundled network and only numpy.

The weights are next to this module; `harness.zoo.train.digit_classifier` made them.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

WEIGHTS = Path(__file__).resolve().with_name("digit-classifier.safetensors")
CELLS = 8


def read_digits(images: NDArray[np.floating]) -> NDArray[np.int64]:
    """Return the digit that each image shows, int64 (n,), 0..9.

    `images` is (n, height, width) or (n, height, width, channels) in [0, 1], white strokes on black, as a
    pipeline's `output_type="np"` returns them; height and width are multiples of 8. Raises ValueError for
    other shapes.
    """
    weights = _weights()
    hidden = np.maximum(features(images) @ weights["hidden.weight"].T + weights["hidden.bias"], 0)
    scores = hidden @ weights["scores.weight"].T + weights["scores.bias"]
    digits: NDArray[np.int64] = scores.argmax(axis=1)
    return digits


def features(images: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the mean grey level of each of 8x8 cells, float32 (n, 64) in [-1, 1], row by row."""
    grey = images.mean(axis=3) if images.ndim == 4 else images
    if grey.ndim != 3 or grey.shape[1] % CELLS or grey.shape[2] % CELLS:
        raise ValueError(
            f"{images.shape} is not a batch of images with sides divisible by 8; resize them first"
        )
    count, height, width = grey.shape
    cells = grey.reshape(count, CELLS, height // CELLS, CELLS, width // CELLS).mean(axis=(2, 4))
    scaled: NDArray[np.float32] = (cells.reshape(count, CELLS * CELLS) * 2 - 1).astype(np.float32)
    return scaled


@lru_cache(maxsize=1)
def _weights() -> dict[str, NDArray[np.float32]]:
    return load_file(WEIGHTS)
