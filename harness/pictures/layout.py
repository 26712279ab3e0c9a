"""Lays out the axes of an output as frames of pixels, whatever their order is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.pictures.kinds import CHANNELS, Kind

MOST_PLANES = 64
"""Of more channels or tiles, evenly spaced ones are shown."""

_GAP = 1  # pixels between tiles

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Frames:
    """An output as pixels: `values` (count, height, width, channels) in its own dtype, one frame unless a video.

    The items of a batch, and the channels of latents, are `tiles` of (height, width) `tile` in each frame. Between
    tiles is a gap of one pixel, whose value is 0.
    """

    values: Array
    tile: tuple[int, int]
    tiles: int = 1

    def gaps(self) -> tuple[slice, slice]:
        """The rows and the columns between tiles."""
        return slice(self.tile[0], None, self.tile[0] + _GAP), slice(self.tile[1], None, self.tile[1] + _GAP)


def frames_of(values: Array, kind: Kind) -> Frames:
    """The frames of an output of a kind that has pixels."""
    if kind is Kind.VIDEO:
        batch = _channels_last(values)
        batch = batch if batch.ndim == 5 else batch[np.newaxis]
        frames = batch[0] if len(batch) == 1 else _tiled_video(batch)
        return Frames(frames, batch.shape[-3:-1], len(batch))
    if kind is Kind.MAP:
        rows = _map(values)[np.newaxis, :, :, np.newaxis]
        return Frames(rows, rows.shape[1:3])
    tiles = _planes(values) if kind is Kind.LATENTS else _pictures(values)
    return Frames(_tiled(tiles)[np.newaxis], tiles.shape[1:3], len(tiles))


def _pictures(values: Array) -> Array:
    """(count, height, width, channels) of still pictures."""
    if values.ndim == 2:
        return values[np.newaxis, :, :, np.newaxis]
    if values.ndim == 3 and values.shape[-1] in CHANNELS:
        return values[np.newaxis]
    if values.ndim == 3 and values.shape[0] in (1, 3):
        return np.moveaxis(values, 0, -1)[np.newaxis]
    if values.ndim == 3:
        return _spaced(values)[:, :, :, np.newaxis]
    flat = values.reshape(-1, *values.shape[-3:])
    if flat.shape[-1] in CHANNELS:
        return _spaced(flat)
    if flat.shape[1] in CHANNELS:
        return _spaced(np.moveaxis(flat, 1, -1))
    return _planes(values)


def _planes(values: Array) -> Array:
    """(count, height, width, 1) of all channels of all items; packed tokens that make a square are unpacked."""
    if values.ndim == 3:
        side = math.isqrt(values.shape[1])
        if side > 1 and side * side == values.shape[1]:
            values = np.moveaxis(values, -1, 1).reshape(values.shape[0], values.shape[2], side, side)
    flat = values.reshape(-1, *values.shape[-2:])
    return _spaced(flat)[:, :, :, np.newaxis]


def _tiled_video(batch: Array) -> Array:
    return np.stack([_tiled(batch[:, number]) for number in range(batch.shape[1])])


def _channels_last(values: Array) -> Array:
    """(..., frames, height, width, channels)."""
    if values.shape[-1] in CHANNELS:
        return values
    if values.shape[-3] in CHANNELS:
        return np.moveaxis(values, -3, -1)
    return np.moveaxis(values, 1, -1) if values.ndim == 5 else values[..., np.newaxis]


def _map(values: Array) -> Array:
    """Rows and columns: a vector is wrapped to nearly a square, the items of a batch are below each other."""
    if values.ndim >= 2:
        return values.reshape(-1, values.shape[-1])
    width = math.ceil(math.sqrt(values.size))
    padded = np.zeros(width * math.ceil(values.size / width), values.dtype)
    padded[: values.size] = values
    return padded.reshape(-1, width)


def _spaced(tiles: Array) -> Array:
    if len(tiles) <= MOST_PLANES:
        return tiles
    return np.asarray(tiles[np.linspace(0, len(tiles) - 1, MOST_PLANES).round().astype(int)])


def _tiled(tiles: Array) -> Array:
    """One picture of all tiles, in rows that make it roughly square."""
    count, height, width, channels = tiles.shape
    if count == 1:
        return np.asarray(tiles[0])
    columns = min(count, math.ceil(math.sqrt(count * height / width)))
    rows = math.ceil(count / columns)
    sheet = np.zeros((rows * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP, channels), tiles.dtype)
    for number, tile in enumerate(tiles):
        top, left = number // columns * (height + _GAP), number % columns * (width + _GAP)
        sheet[top : top + height, left : left + width] = tile
    return sheet
