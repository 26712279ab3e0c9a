"""Outputs to draw in tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.pictures.drawing import Drawing, drawing_of
from harness.pictures.kinds import Asked
from harness.pictures.outputs import Output


def output(values: Any, name: str = "images") -> Output:
    array = np.asarray(values)
    return Output(name, str(array.dtype), array.shape, array)


def text(value: str) -> Output:
    return Output("text", "text", (), text=value)


def drawn(golden: Any, now: Any, name: str = "images", pipeline: str = "P", **call: Any) -> Drawing:
    ours, theirs = (None if side is None else output(side, name) for side in (golden, now))
    return drawing_of(name, ours, theirs, Asked(pipeline, call))


def ramp(height: int = 128, width: int = 160) -> np.ndarray:
    """One RGB picture, uint8 (1, height, width, 3), without black or white."""
    rows, columns = np.mgrid[:height, :width]
    channels = [40 + rows, 40 + columns, 200 - rows]
    return np.stack(channels, -1).astype(np.uint8)[np.newaxis]


def one_level(picture: np.ndarray, row: int = 40, column: int = 100, channel: int = 1) -> np.ndarray:
    """The picture with one channel of one pixel a grey level brighter."""
    changed = picture.copy()
    changed[0, row, column, channel] += 1
    return changed
