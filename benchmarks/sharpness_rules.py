"""The rules that projects use to judge generated images, each True if two outputs count as equal.

`golden` and `now` are float images of shape (batch, height, width, channels), values in 0 … 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]
Rule = Callable[[Image, Image], bool]

WINDOW = 7  # pixels
ASSERT_CLOSE_RTOL, ASSERT_CLOSE_ATOL = 1.3e-6, 1e-5


def corner_slice(golden: Image, now: Image) -> bool:
    """`image[0, -3:, -3:, -1]` within 1e-2, as in most of diffusers' pipeline tests."""
    return bool(np.abs(golden[0, -3:, -3:, -1] - now[0, -3:, -3:, -1]).max() < 1e-2)


def mean_pixel(golden: Image, now: Image) -> bool:
    """`assert_mean_pixel_difference` of diffusers' tests: 8-bit images, mean absolute difference below 10."""
    return bool(np.abs(_bytes(golden) - _bytes(now)).mean() < 10)


def ssim(golden: Image, now: Image) -> bool:
    """Structural similarity above 0.95."""
    return bool(structural_similarity(golden, now) > 0.95)


def cosine_distance(golden: Image, now: Image) -> bool:
    """1 - cos below 1e-3, diffusers' `numpy_cosine_similarity_distance`."""
    ours, theirs = golden.astype(np.float64).ravel(), now.astype(np.float64).ravel()
    norms = float(np.linalg.norm(ours) * np.linalg.norm(theirs))
    return bool(1 - float(ours @ theirs) / norms < 1e-3) if norms else not np.any(ours != theirs)


def rms(golden: Image, now: Image) -> bool:
    """Root mean square difference of at most two of 255 levels."""
    return bool(np.sqrt(np.square(golden.astype(np.float64) - now).mean()) <= 2 / 255)


def max_abs(golden: Image, now: Image) -> bool:
    """Largest difference below 1e-4."""
    return bool(np.abs(golden - now).max() < 1e-4)


def assert_close(golden: Image, now: Image) -> bool:
    """`torch.testing.assert_close` with its tolerances for float32."""
    allowed = ASSERT_CLOSE_ATOL + ASSERT_CLOSE_RTOL * np.abs(golden.astype(np.float64))
    return bool((np.abs(now.astype(np.float64) - golden) <= allowed).all())


def sha256(golden: Image, now: Image) -> bool:
    """The same bits."""
    return golden.tobytes() == now.tobytes()


OTHERS: Mapping[str, Rule] = {
    "3 x 3 corner slice, max abs < 1e-2": corner_slice,
    "mean pixel < 10 of 255": mean_pixel,
    "SSIM > 0.95": ssim,
    "cosine distance < 1e-3": cosine_distance,
    "RMS ≤ 2/255": rms,
    "max abs < 1e-4": max_abs,
    "torch.testing.assert_close": assert_close,
    "sha256": sha256,
}


def structural_similarity(golden: Image, now: Image) -> float:
    """Mean SSIM over all 7 x 7 windows inside the image, over channels and batch.

    Wang, Bovik, Sheikh and Simoncelli, Image quality assessment: from error visibility to structural
    similarity, IEEE Transactions on Image Processing 13 (2004), with flat windows, K1 = 0.01, K2 = 0.03.
    """
    x, y = (_windows(image.astype(np.float64)) for image in (golden, now))
    axes, unbiased = (-2, -1), WINDOW**2 / (WINDOW**2 - 1)
    mean_x, mean_y = x.mean(axes), y.mean(axes)
    var_x, var_y = unbiased * x.var(axes), unbiased * y.var(axes)
    covariance = unbiased * ((x * y).mean(axes) - mean_x * mean_y)
    c1, c2 = 0.01**2, 0.03**2
    top = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    bottom = (mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)
    return float((top / bottom).mean())


def _windows(images: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.lib.stride_tricks.sliding_window_view(images, (WINDOW, WINDOW), axis=(1, 2))


def _bytes(images: Image) -> NDArray[np.float64]:
    return (np.nan_to_num(images).clip(0, 1) * 255).round().astype(np.uint8).astype(np.float64)
