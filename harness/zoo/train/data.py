"""The training images of the built-in models: scikit-learn's bundled handwritten digits, upscaled."""

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import Tensor

BRIGHTEST = 16.0
HELD_OUT_EVERY = 5


def digit_images(side: int, channels: int = 1) -> Tensor:
    """Return all 1,797 digits as float32 (1797, channels, side, side) in [-1, 1], white strokes on black.

    The source images are 8x8 with integer levels 0..16; they are enlarged bilinearly, and colour channels
    are copies of the grey one.
    """
    grey = torch.from_numpy(load_digits().images.astype(np.float32) / BRIGHTEST * 2 - 1)[:, None]
    enlarged = F.interpolate(grey, size=(side, side), mode="bilinear", align_corners=False)
    return enlarged.repeat(1, channels, 1, 1)


def digit_labels() -> Tensor:
    """Return the digit drawn in each image of `digit_images`, int64 (1797,), 0..9."""
    return torch.from_numpy(load_digits().target.astype(np.int64))


def held_out() -> Tensor:
    """Return which images are held out from classifiers, bool (1797,): every fifth one."""
    return torch.arange(len(load_digits().target)) % HELD_OUT_EVERY == 0
