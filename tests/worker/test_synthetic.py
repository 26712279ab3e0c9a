"""Synthetic inputs against an independent implementation in Python's unbounded integers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from harness.worker.synthetic import gradient, noise

MASK = 2**64 - 1


def splitmix(state: int) -> int:
    """SplitMix64's output function, from the paper's listing."""
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & MASK
    return state ^ (state >> 31)


def uniform(seed: int, stream: int, index: int) -> float:
    start = (seed * 0xD1342543DE82EF95 + stream * 0x2545F4914F6CDD1D) & MASK
    return (splitmix((start + (index + 1) * 0x9E3779B97F4A7C15) & MASK) >> 11) / 2**53


def test_the_stream_of_seed_0_is_the_published_one() -> None:
    # The first outputs of SplitMix64 seeded with 0, as published with the Java and C reference code.
    published = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    made = noise({"shape": [3], "kind": "uniform", "dtype": "float64", "as": "array"})
    assert made.tolist() == [(value >> 11) / 2**53 for value in published]


@pytest.mark.parametrize("seed", [0, 1, 2**64 - 1])
def test_uniform_noise_is_splitmix64(seed: int) -> None:
    made = noise({"shape": [2, 3], "seed": seed, "kind": "uniform", "dtype": "float64", "as": "array"})
    assert made.ravel().tolist() == [uniform(seed, 0, index) for index in range(6)]


def test_normal_noise_is_the_sum_of_twelve_uniforms_less_six() -> None:
    made = noise({"shape": [4], "seed": 7, "dtype": "float64"})
    for index, value in enumerate(made.tolist()):
        total = 0.0
        for stream in range(1, 13):
            total += uniform(7, stream, index)
        assert value == total - 6.0


def test_normal_noise_has_mean_0_and_variance_1() -> None:
    made = noise({"shape": [200_000], "dtype": "float64"})
    # Four standard errors: 1/sqrt(n) for the mean, about sqrt(2/n) for the variance.
    assert abs(float(made.mean())) < 4 / 200_000**0.5
    assert abs(float(made.var()) - 1) < 4 * (2 / 200_000) ** 0.5


def test_dtypes_containers_and_images() -> None:
    assert noise({"shape": [2], "dtype": "bfloat16"}).dtype is torch.bfloat16
    assert noise({"shape": [2], "dtype": "float16", "as": "array"}).dtype == np.float16
    image = noise({"shape": [4, 6, 3], "as": "image"})
    assert isinstance(image, Image.Image)
    assert (image.size, image.mode) == ((6, 4), "RGB")
    frames = noise({"shape": [2, 4, 6, 3], "as": "image"})
    assert [frame.size for frame in frames] == [(6, 4), (6, 4)]
    assert np.asarray(frames[0]).tolist() != np.asarray(frames[1]).tolist()


def test_gradients_rise_along_another_diagonal_in_each_channel() -> None:
    made = gradient({"shape": [3, 5, 3], "dtype": "float64", "as": "array"})
    rows, columns = np.arange(3) / 2, np.arange(5) / 4
    assert made[..., 0].tolist() == ((rows[:, None] + columns[None, :]) / 2).tolist()
    assert made[..., 1].tolist() == ((rows[::-1, None] + columns[None, :]) / 2).tolist()
    assert made[..., 2].tolist() == ((rows[:, None] + columns[None, ::-1]) / 2).tolist()
    assert (made.min(), made.max()) == (0.0, 1.0)


def test_a_gradient_image_is_grey_or_rgb() -> None:
    assert np.asarray(gradient({"shape": [2, 2]})).tolist() == [[0, 128], [128, 255]]
    assert gradient({"shape": [4, 8, 3]}).mode == "RGB"
