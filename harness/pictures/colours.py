"""From numbers to colours: heat maps, and the two colours of a signed difference."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
"""(height, width, 3): red, green, blue."""

# Every 1/8 of matplotlib's viridis (CC0), https://bids.github.io/colormap
_HEAT = np.array(
    [
        (68, 1, 84),
        (71, 44, 122),
        (59, 81, 139),
        (44, 113, 142),
        (33, 144, 141),
        (39, 173, 129),
        (92, 200, 99),
        (170, 220, 50),
        (253, 231, 37),
    ],
    float,
)

NOTHING = (16, 18, 22)
BRIGHTER = (255, 176, 59)
DARKER = (77, 163, 255)
NAN = (255, 0, 200)
INF = (0, 230, 118)

_STEPS = 64  # of each sign; fewer colours make smaller files


def painted(levels: npt.NDArray[Any], *, heat: bool) -> Pixels:
    """Grey levels (height, width, channels) as colours; alpha lies over white, NaN and Inf have their own colours."""
    bad = ~np.isfinite(levels)
    shown = np.clip(np.nan_to_num(levels, posinf=255, neginf=0), 0, 255)
    pixels = _heated(shown[..., 0]) if heat and shown.shape[-1] == 1 else _colours(shown)
    if bad.any():
        pixels[np.isnan(levels).any(-1)] = NAN
        pixels[np.isinf(levels).any(-1)] = INF
    return pixels


def signed(change: npt.NDArray[Any], full: float) -> Pixels:
    """Changes (height, width) as colours: BRIGHTER for more than before, DARKER for less, the full colour at `full`.

    A change to NaN or Inf has the colour NAN.
    """
    size = np.clip(np.abs(np.nan_to_num(change, nan=0.0, posinf=full, neginf=-full)) / full, 0, 1)
    steps = np.rint(size * _STEPS).astype(int)
    places = np.where(change < 0, -steps, steps) + _STEPS
    pixels: Pixels = _SIGNED[places]
    pixels[~np.isfinite(change)] = NAN
    return pixels


def _signed_table() -> Pixels:
    share = np.linspace(0, 1, _STEPS + 1)[:, np.newaxis]
    # Not from the very dark: the smallest change that counts has to stand out.
    share = np.where(share > 0, 0.12 + 0.88 * share, 0)
    nothing = np.array(NOTHING, float)
    more, less = (nothing + share * (np.array(full, float) - nothing) for full in (BRIGHTER, DARKER))
    return np.asarray(np.concatenate([less[:0:-1], more]).round().astype(np.uint8))


_SIGNED = _signed_table()


def _heated(levels: npt.NDArray[Any]) -> Pixels:
    place = levels / 255 * (len(_HEAT) - 1)
    below = np.minimum(place.astype(int), len(_HEAT) - 2)
    share = (place - below)[..., np.newaxis]
    return np.asarray((_HEAT[below] * (1 - share) + _HEAT[below + 1] * share).round().astype(np.uint8))


def _colours(levels: npt.NDArray[Any]) -> Pixels:
    channels = levels.shape[-1]
    colour = levels[..., :1].repeat(3, -1) if channels < 3 else levels[..., :3]
    if channels in (2, 4):
        alpha = levels[..., -1:] / 255
        colour = colour * alpha + 255 * (1 - alpha)
    return np.asarray(colour.round().astype(np.uint8))
