"""Reduces a drawing to what a page can hold, and saves the rest beside the page."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from harness.pictures.close_up import close_up_of
from harness.pictures.colours import Pixels
from harness.pictures.difference import Box
from harness.pictures.drawing import Drawing, Number, Sounds
from harness.pictures.encode import png, reduced, wav, webp
from harness.pictures.film import Film, sheet
from harness.pictures.masks import Mask
from harness.pictures.saving import save_drawing
from harness.pictures.sound import Sound
from harness.report.page.shown import (
    Clips,
    Enlarged,
    FilmSheet,
    Gained,
    Masks,
    Picture,
    Row,
    Saved,
    Shown,
    Spot,
    data_uri,
)

_LONGEST, _SHORTEST = 320, 100
"""The longest side of a picture on the page, in pixels: at most, and at least if it has to be reduced."""

_FRAME = 96
_COLUMNS = 4
_CLIP_BYTES = 96_000
_CLIP_RATE = 24_000

_SMALL = 8_000  # a picture of so many bytes is always exact


def shown(drawing: Drawing, budget: int) -> Shown:
    """The drawing for the page; its pictures take about `budget` bytes.

    Close-up, contact sheets and clips take up to as much again.
    """
    plain = Shown(
        drawing.output,
        str(drawing.kind),
        drawing.about,
        drawing.legend,
        drawing.notes,
        pieces=drawing.pieces,
        rows=tuple(map(_row, drawing.numbers)),
    )
    if drawing.golden is None and drawing.now is None:
        return plain
    found = _fitting(plain, drawing, budget)
    return replace(
        found,
        spots=_spots(drawing),
        enlarged=_enlarged(drawing, budget),
        masks=_masks(drawing.masks, found.reduced),
        film=_film(drawing.film, budget) if drawing.film else None,
        clips=_clips(drawing.sounds, budget) if drawing.sounds else None,
    )


def saved_beside(drawing: Drawing, folder: Path, page: Path) -> tuple[Saved, ...]:
    """Save the whole drawing to `folder`, of the differences the best one; returns the files as the page links them.

    Raises as `save_drawing` does.
    """
    best = ("x1", "x16", "x256")[_best(drawing)]
    paths = save_drawing(drawing, folder, (best,))
    begin = len(paths[0].name) - len(paths[0].name.rpartition("-")[2]) if paths else 0
    return tuple(Saved(path.name[begin:], path.relative_to(page.parent).as_posix()) for path in paths)


def _fitting(plain: Shown, drawing: Drawing, budget: int) -> Shown:
    sides = [side.shape for side in (drawing.golden, drawing.now) if side is not None]
    # A sound is drawn as large as it is shown.
    longest = 1 if drawing.sounds else max(max(shape[:2]) for shape in sides)
    block = math.ceil(longest / _LONGEST)
    while True:
        found = _reduced(plain, drawing, block, budget)
        # As many bytes too many mean as many pixels too many.
        larger = max(block + 1, round(block * math.sqrt(found.size / budget)))
        if found.size <= budget or longest / larger < _SHORTEST:
            return found
        block = larger


def _reduced(plain: Shown, drawing: Drawing, block: int, budget: int) -> Shown:
    changes = tuple(Gained(view.name, view.legend, _exact(view.pixels)) for view in drawing.changes(block))
    left = budget - sum(len(one.picture.content) for one in changes)
    most = max(_SMALL, left // 2)
    golden, now = (
        None if side is None else _picture(reduced(side, block), most)
        for side in (drawing.golden, drawing.now)
    )
    best = _best(drawing)
    return replace(plain, golden=golden, now=now, changes=changes, best=best, reduced=block)


def _best(drawing: Drawing) -> int:
    if drawing.difference is None:
        return 1
    return {1: 0, 16: 1, 256: 2}[drawing.difference.best_gain]


def _picture(pixels: Pixels, most: int) -> Picture:
    content, media = webp(pixels, most)
    return Picture(content, media, pixels.shape[1], pixels.shape[0])


def _exact(pixels: Pixels) -> Picture:
    return Picture(png(pixels), "image/png", pixels.shape[1], pixels.shape[0])


def _spots(drawing: Drawing) -> tuple[Spot, ...]:
    if drawing.difference is None:
        return ()
    height, width = drawing.difference.change.shape
    return tuple(_spot(box, width, height) for box in drawing.boxes())


def _spot(box: Box, width: int, height: int) -> Spot:
    numbers = (
        100 * box.left / width,
        100 * box.top / height,
        100 * box.width / width,
        100 * box.height / height,
    )
    return Spot(*(round(number, 2) for number in numbers))


def _enlarged(drawing: Drawing, budget: int) -> Enlarged | None:
    found = close_up_of(drawing)
    if found is None:
        return None
    golden, now = (_picture(side, budget // 12) for side in (found.golden, found.now))
    return Enlarged(found.where, found.legend, golden, now, _exact(found.change))


def _masks(masks: tuple[Mask | None, Mask | None], block: int) -> Masks | None:
    """The masks, if the two sides differ in what the picture cannot show."""
    before, after = ({} if mask is None else mask.counts for mask in masks)
    names = [name for name in after or before if before.get(name, 0) or after.get(name, 0)]
    if all(before.get(name, 0) == after.get(name, 0) for name in names):
        return None
    words = ", ".join(f"{name}: {before.get(name, 0)} -> {after.get(name, 0)}" for name in names)
    golden, now = (None if mask is None else _exact(_sampled(mask.picture(), block)) for mask in masks)
    return Masks(golden, now, words)


def _sampled(pixels: Pixels, block: int) -> Pixels:
    return pixels[::block, ::block]


def _film(film: Film, budget: int) -> FilmSheet:
    numbers = film.on_sheet()
    columns = min(_COLUMNS, len(numbers))
    frames = [
        [
            None if frame is None else _small(frame)
            for frame in (film.frame(side, number) for number in numbers)
        ]
        for side in (film.golden, film.now)
    ]
    golden, now = (_sheet(side, columns, budget // 4) for side in frames)
    first = next(frame for side in frames for frame in side if frame is not None)
    height, width = first.shape[:2]
    bars = _shares(film.errors)
    return FilmSheet(golden, now, numbers, columns, width, height, bars, film.worst, film.fps)


def _small(frame: Pixels) -> Pixels:
    return reduced(frame, max(1, math.ceil(max(frame.shape[:2]) / _FRAME)))


def _sheet(frames: Sequence[Pixels | None], columns: int, most: int) -> Picture | None:
    return _picture(sheet(frames, columns), most) if any(frame is not None for frame in frames) else None


def _shares(errors: Iterable[float]) -> tuple[float, ...]:
    finite = [1e9 if math.isinf(error) else error for error in errors]
    largest = max(finite, default=0.0)
    return tuple(round(error / largest, 4) for error in finite) if largest else ()


def _clips(sounds: Sounds, budget: int) -> Clips:
    side = sounds.golden or sounds.now
    assert side is not None
    channels, count = side.samples.shape
    step = max(1, math.ceil(side.rate / _CLIP_RATE))
    most = max(1, min(_CLIP_BYTES, budget // 3) // (2 * channels)) * step
    middle = sounds.worst if sounds.worst is not None else count // 2
    start = side.part(middle, most)[1]
    whole = count <= most
    words = "" if whole else f"from {start / side.rate:.3g} s to {min(count, start + most) / side.rate:.3g} s"
    golden, now = (_clip(one, middle, most, step) for one in (sounds.golden, sounds.now))
    return Clips(golden, now, words)


def _clip(sound: Sound | None, middle: int, most: int, step: int) -> str:
    if sound is None:
        return ""
    part, _start = sound.part(middle, most)
    return data_uri(wav(part.samples[:, ::step], sound.rate // step), "audio/wav")


def _row(number: Number) -> Row:
    golden, now = ("-" if value is None else f"{value:.9g}" for value in (number.golden, number.now))
    index = "[" + ", ".join(map(str, number.index)) + "]" if number.index else "value"
    return Row(index, golden, now, number.golden != number.now)
