"""The signed difference of two pictures, at several gains, and the places where they differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.pictures.colours import Pixels, signed
from harness.pictures.scale import Scale

GAINS = (1, 16, 256)
"""At gain 1, a change by the whole scale has the full colour; at 256, one by a grey level."""

WHOLE = 256
"""The grey levels whose change has the full colour at gain 1."""

_CELLS = 24  # the grid on which differing pixels are gathered into boxes
_MOST_BOXES = 8
_SPARSE = 0.02  # more differing pixels than this share need no box


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Difference:
    """What changed from golden to run, pixel by pixel.

    `change` (height, width) is the change in grey levels of the channel that changed most, NaN where only one side is
    finite. `pixels` counts those that differ, `largest` is the largest finite change, `worst` its (row, column).
    """

    change: npt.NDArray[np.float32]
    scale: Scale
    pixels: int
    largest: float
    worst: tuple[int, int]

    def picture(self, gain: int) -> Pixels:
        """The change in signed colours, `gain` times as strong."""
        return signed(self.change, WHOLE / gain)

    def anywhere(self) -> Pixels:
        """The pixels that differ at all, in the full colour of their sign."""
        return signed(np.sign(self.change), 1.0)

    def legend(self, gain: int) -> str:
        """The scale of `picture(gain)` in words."""
        return f"full colour: a change by {self.scale.words(WHOLE / gain)} or more"

    @property
    def best_gain(self) -> int:
        """The smallest gain that shows the largest change at a quarter of the full colour, if any does."""
        return next((gain for gain in GAINS if self.largest * gain >= WHOLE / 4), GAINS[-1])

    @property
    def is_hidden(self) -> bool:
        """Whether the picture hides the change: nothing that differs reaches half a grey level."""
        return self.pixels > 0 and self.largest < 0.5 and bool(np.isfinite(self.change).all())

    def pooled(self, block: int) -> Difference:
        """The difference of pictures reduced by `block`: of each block of pixels, the one that changed most."""
        if block == 1:
            return self
        change = _largest_of_blocks(self.change, block)
        row, column = self.worst
        return Difference(change, self.scale, self.pixels, self.largest, (row // block, column // block))

    def boxes(self) -> tuple[Box, ...]:
        """Where it differs, largest first; empty if it differs in so many places that nobody has to search."""
        height, width = self.change.shape
        if not 0 < self.pixels <= max(4, _SPARSE * height * width):
            return ()
        block = max(1, -(-max(height, width) // _CELLS))
        cells = _largest_of_blocks((self.change != 0).astype(np.float32), block) != 0
        found = [_bounds(self.change, group, block) for group in _groups(cells)]
        return tuple(sorted(found, key=lambda box: -box.width * box.height))[:_MOST_BOXES]


def difference(golden: npt.NDArray[Any], now: npt.NDArray[Any], scale: Scale) -> Difference:
    """The difference of two frames (height, width, channels) of the same shape, in the output's own numbers."""
    same = _same(golden, now)
    with np.errstate(invalid="ignore"):
        change = scale.levels(now) - scale.levels(golden)
    change[same] = 0
    change[~np.isfinite(change)] = np.nan
    sizes = np.where(np.isnan(change), np.inf, np.abs(change))
    most = sizes.argmax(-1)[..., np.newaxis]
    flat = np.take_along_axis(change, most, -1)[..., 0].astype(np.float32)
    # A change too small for float32 must not vanish.
    flat[(flat == 0) & ~same.all(-1)] = np.float32(1e-30)
    finite = np.where(np.isnan(flat), 0, np.abs(flat))
    worst = np.unravel_index(np.where(np.isnan(flat), np.inf, finite).argmax(), flat.shape)
    return Difference(
        flat, scale, int((flat != 0).sum()), float(finite.max(initial=0)), (int(worst[0]), int(worst[1]))
    )


def _same(golden: npt.NDArray[Any], now: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    same = golden == now
    if golden.dtype.kind == "f" and now.dtype.kind == "f":
        same |= np.isnan(golden) & np.isnan(now)
    return np.asarray(same)


def _largest_of_blocks(change: npt.NDArray[np.float32], block: int) -> npt.NDArray[np.float32]:
    height, width = (-(-side // block) for side in change.shape)
    padded = np.zeros((height * block, width * block), np.float32)
    padded[: change.shape[0], : change.shape[1]] = change
    blocks = padded.reshape(height, block, width, block).swapaxes(1, 2).reshape(height, width, -1)
    most = np.where(np.isnan(blocks), np.inf, np.abs(blocks)).argmax(-1)
    return np.take_along_axis(blocks, most[..., np.newaxis], -1)[..., 0]


def _groups(cells: npt.NDArray[np.bool_]) -> list[list[tuple[int, int]]]:
    """The cells that differ, those that touch each other together."""
    left = {(int(row), int(column)) for row, column in zip(*np.nonzero(cells), strict=True)}
    groups = []
    while left:
        group, edge = [], [left.pop()]
        while edge:
            row, column = edge.pop()
            group.append((row, column))
            near = {(row + down, column + right) for down in (-1, 0, 1) for right in (-1, 0, 1)} & left
            left -= near
            edge += near
        groups.append(group)
    return groups


def _bounds(change: npt.NDArray[np.float32], cells: list[tuple[int, int]], block: int) -> Box:
    """The smallest box around the differing pixels of some cells."""
    top, left = min(row for row, _ in cells) * block, min(column for _, column in cells) * block
    bottom = (max(row for row, _ in cells) + 1) * block
    right = (max(column for _, column in cells) + 1) * block
    rows, columns = np.nonzero(change[top:bottom, left:right])
    return Box(
        int(left + columns.min()),
        int(top + rows.min()),
        int(columns.max() - columns.min() + 1),
        int(rows.max() - rows.min() + 1),
    )
