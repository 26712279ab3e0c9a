"""Compares two videos frame by frame."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.core.case import Values
from harness.pictures.colours import NOTHING, Pixels, painted
from harness.pictures.layout import Frames
from harness.pictures.scale import Scale

DEFAULT_FPS = 8.0
"""Frames a second if the case does not say."""

MOST_ON_SHEET = 16
"""Of more frames, a contact sheet shows evenly spaced ones."""


@dataclass(frozen=True, slots=True)
class Film:
    """The frames of golden and run, None for a side that has none, or frames of another shape.

    `errors` holds for each frame the largest change in grey levels, infinite for a new NaN or Inf; empty if one side
    is missing. `moved` are the pairs of (frame of the run, frame of the golden that it equals) for frames that changed
    places.
    """

    golden: Frames | None
    now: Frames | None
    scale: Scale
    fps: float
    errors: tuple[float, ...] = ()
    moved: tuple[tuple[int, int], ...] = ()

    @property
    def count(self) -> int:
        """The number of frames of the longer side."""
        return max(len(side.values) for side in (self.golden, self.now) if side is not None)

    @property
    def worst(self) -> int:
        """The frame that changed most, 0 if none did."""
        return int(np.argmax(self.errors)) if self.errors else 0

    def frame(self, side: Frames | None, number: int) -> Pixels | None:
        """A frame as colours; None if the side has no such frame."""
        if side is None or number >= len(side.values):
            return None
        return painted(self.scale.levels(side.values[number]), heat=False)

    def playing(self, side: Frames) -> Iterator[Pixels]:
        """All frames as colours."""
        return (painted(self.scale.levels(frame), heat=False) for frame in side.values)

    def on_sheet(self) -> tuple[int, ...]:
        """The frames that a contact sheet shows: evenly spaced, and the worst one."""
        if self.count <= MOST_ON_SHEET:
            return tuple(range(self.count))
        spaced = np.linspace(0, self.count - 1, MOST_ON_SHEET - 1).round().astype(int)
        return tuple(sorted({int(one) for one in spaced} | {self.worst}))


def film_of(golden: Frames | None, now: Frames | None, scale: Scale, call: Values) -> Film:
    """The film of two outputs."""
    given = call.get("fps")
    fps = float(given) if isinstance(given, int | float) and 0 < given <= 120 else DEFAULT_FPS
    if golden is None or now is None or golden.values.shape[1:] != now.values.shape[1:]:
        return Film(golden, now, scale, fps)
    pairs = list(zip(golden.values, now.values, strict=False))
    errors = tuple(_error(ours, theirs, scale) for ours, theirs in pairs)
    return Film(golden, now, scale, fps, errors, _moved(golden.values, now.values, errors))


def sheet(frames: Sequence[Pixels | None], columns: int) -> Pixels:
    """Pictures of one size in rows of `columns`; an absent one is left dark. Raises ValueError if all are absent."""
    shape = next((frame.shape for frame in frames if frame is not None), None)
    if shape is None:
        raise ValueError("no frame to show")
    height, width = shape[:2]
    rows = math.ceil(len(frames) / columns)
    pixels = np.full((rows * height, columns * width, 3), NOTHING, np.uint8)
    for place, frame in enumerate(frames):
        if frame is not None:
            top, left = place // columns * height, place % columns * width
            pixels[top : top + height, left : left + width] = frame
    return pixels


def _error(golden: npt.NDArray[Any], now: npt.NDArray[Any], scale: Scale) -> float:
    if np.array_equal(golden, now, equal_nan=golden.dtype.kind == "f"):
        return 0.0
    with np.errstate(invalid="ignore"):
        change = np.abs(scale.levels(now) - scale.levels(golden))
    both = np.isnan(golden) & np.isnan(now) if golden.dtype.kind == "f" else np.zeros(golden.shape, bool)
    change[both | (golden == now)] = 0
    return float(change.max()) if np.isfinite(change).all() else math.inf


def _moved(
    golden: npt.NDArray[Any], now: npt.NDArray[Any], errors: Sequence[float]
) -> tuple[tuple[int, int], ...]:
    """The differing frames, if each of them is another frame of the golden; else none."""
    differing = [place for place, error in enumerate(errors) if error]
    ours = {golden[place].tobytes(): place for place in differing}
    found = [(place, ours.get(now[place].tobytes())) for place in differing]
    if len(golden) != len(now) or any(place is None for _, place in found):
        return ()
    return tuple((place, other) for place, other in found if other is not None)
