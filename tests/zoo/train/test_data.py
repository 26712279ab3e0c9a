"""The digits that the models learn from: their sizes, their range, and which are held out."""

import numpy as np
import torch
from sklearn.datasets import load_digits

from harness.zoo.train import data


def test_at_their_own_size_the_pictures_are_the_source_in_minus_one_to_one() -> None:
    images = data.digit_images(8)
    assert (images.shape, images.dtype) == ((1797, 1, 8, 8), torch.float32)
    assert torch.equal((images[:, 0] + 1) * 8, torch.from_numpy(load_digits().images.astype(np.float32)))
    assert (images.min(), images.max()) == (-1, 1)


def test_larger_ones_are_enlarged_and_colour_channels_are_copies() -> None:
    small, large = data.digit_images(8), data.digit_images(16, channels=3)
    assert large.shape == (1797, 3, 16, 16)
    assert torch.equal(large[:, 0], large[:, 1])
    assert torch.equal(large[:, 0], large[:, 2])
    # Bilinear at twice the size: inside, four neighbours average to their source pixels' weighted mean.
    inner = small[:, 0, 3, 3] * 9 + small[:, 0, 3, 4] * 3 + small[:, 0, 4, 3] * 3 + small[:, 0, 4, 4]
    assert torch.allclose(large[:, 0, 7, 7], inner / 16, atol=1e-6)


def test_labels_are_the_digits() -> None:
    labels = data.digit_labels()
    assert labels.dtype == torch.int64
    assert labels.tolist() == load_digits().target.tolist()


def test_every_fifth_picture_is_held_out() -> None:
    held = data.held_out()
    assert (held.dtype, held.shape) == (torch.bool, (1797,))
    assert held.nonzero().flatten().tolist() == list(range(0, 1797, 5))
