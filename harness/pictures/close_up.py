"""A close-up of the place that changed most: the pixels or samples around it, enlarged by the viewer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from harness.pictures.colours import Pixels
from harness.pictures.difference import Difference
from harness.pictures.drawing import Drawing, Sounds
from harness.pictures.film import Film
from harness.pictures.kinds import Kind
from harness.pictures.sound import WAVE, Sound, change_drawn, drawn

SIDE = 48
"""The most pixels on each side of a close-up."""

SAMPLES = 96
"""The samples of a close-up of a sound."""


@dataclass(frozen=True, slots=True)
class CloseUp:
    """The same part of golden, run and difference; `where` in words, with the values there if they are few."""

    where: str
    golden: Pixels
    now: Pixels
    change: Pixels
    legend: str


def close_up_of(drawing: Drawing) -> CloseUp | None:
    """The close-up; None if nothing differs or the picture is so small that it shows itself closely enough."""
    if drawing.sounds is not None:
        return _of_sound(drawing.sounds)
    change = drawing.difference
    if change is None or drawing.golden is None or drawing.now is None or drawing.kind is Kind.MAP:
        return None
    height, width = change.change.shape
    if max(height, width) <= 2 * SIDE:
        return None
    return _of_pixels(drawing.golden, drawing.now, change, drawing.film)


def _of_pixels(golden: Pixels, now: Pixels, change: Difference, film: Film | None) -> CloseUp:
    height, width = change.change.shape
    row, column = change.worst
    top, left = _start(row, height), _start(column, width)
    part = np.s_[top : top + SIDE, left : left + SIDE]
    gain = change.best_gain
    where = f"row {row}, column {column}" + (f" of frame {film.worst}" if film else "")
    before, after = (", ".join(map(str, side[row, column])) for side in (golden, now))
    if change.scale.greys:
        where += f": ({before}) -> ({after})"
    return CloseUp(
        where, golden[part], now[part], change.picture(gain)[part], f"x{gain}: {change.legend(gain)}"
    )


def _of_sound(sounds: Sounds) -> CloseUp | None:
    worst, golden, now = sounds.worst, sounds.golden, sounds.now
    if worst is None or golden is None or now is None:
        return None
    ours, start = golden.part(worst, SAMPLES)
    theirs, _ = now.part(worst, SAMPLES)
    peak = max(_peaks((ours, theirs)), default=0.0) or 1.0
    change = float(np.abs(np.nan_to_num(theirs.samples - ours.samples)).max()) or 1.0
    stop = start + ours.samples.shape[-1]
    return CloseUp(
        f"samples {start} to {stop}, at {start / golden.rate:.4g} s",
        drawn(ours, peak)[:WAVE],
        drawn(theirs, peak)[:WAVE],
        change_drawn(ours, theirs, change, 1)[:WAVE],
        f"edge of the waveforms: {peak:.3g}; of the difference: {change:.3g}",
    )


def _peaks(sounds: tuple[Sound, ...]) -> Iterator[float]:
    return (float(np.nan_to_num(np.abs(one.samples)).max(initial=0)) for one in sounds)


def _start(place: int, size: int) -> int:
    return max(0, min(place - SIDE // 2, size - SIDE))
