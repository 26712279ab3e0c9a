"""Composes pictures with captions: golden, run and difference side by side, and a contact sheet of many."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.pictures.colours import Pixels
from harness.pictures.difference import GAINS
from harness.pictures.drawing import Drawing
from harness.pictures.encode import image, reduced

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

_PAPER, _INK, _FAINT = (255, 255, 255), (24, 26, 30), (110, 114, 122)

_GAP = 12
_LINE = 15  # of a caption
_FONT = 12
_SEEN = 0.25  # of the height of a waveform
_BREAKS = "/@,=.-_ "  # where an id is broken into lines, if it can be
_LEAST, _MOST = 192, 512  # the longer side of a panel, where whole multiples allow


@dataclass(frozen=True, slots=True)
class Panel:
    """A picture, None if there is none, with a caption and a fainter line below it."""

    caption: str
    about: str
    pixels: Pixels | None


def compared(drawing: Drawing) -> Pixels | None:
    """Golden, run and the difference at the gain that shows it best, side by side; None for what has no picture."""
    panels = [Panel("golden", "", drawing.golden), Panel("now", "", drawing.now)]
    views = {view.name: view for view in drawing.changes()}
    if view := views.get(f"x{_gain(drawing)}"):
        panels.append(Panel(f"difference {view.name}", "", view.pixels))
    there = [panel for panel in panels if panel.pixels is not None]
    if not there:
        return None
    longest = max(max(panel.pixels.shape[:2]) for panel in there if panel.pixels is not None)
    scaled = [Panel(panel.caption, "", _scaled(panel.pixels, longest)) for panel in there]
    widest = max(panel.pixels.shape[1] for panel in scaled if panel.pixels is not None)
    tallest = max(panel.pixels.shape[0] for panel in scaled if panel.pixels is not None)
    return _laid_out(scaled, len(scaled), (max(widest, 110), tallest))


def _gain(drawing: Drawing) -> int:
    """The gain at which the largest change is seen."""
    if drawing.difference is not None:
        return drawing.difference.best_gain
    sounds = drawing.sounds
    if sounds is None or sounds.worst is None or sounds.golden is None or sounds.now is None:
        return 1
    change = np.abs(sounds.now.samples - sounds.golden.samples)[:, sounds.worst]
    largest = float(np.nan_to_num(change, nan=np.inf).max()) / sounds.peak
    return next((gain for gain in GAINS if largest * gain >= _SEEN), GAINS[-1])


def contact_sheet(panels: Sequence[Panel], columns: int = 6, side: int = 128) -> Pixels:
    """All panels in rows; each picture is reduced, or enlarged by a whole factor, to fit `side` x `side` pixels.

    Raises ValueError without panels.
    """
    if not panels:
        raise ValueError("no picture to show")
    fitted = [Panel(one.caption, one.about, _fitted(one.pixels, side)) for one in panels]
    return _laid_out(fitted, min(columns, len(fitted)), (side, side))


def _scaled(pixels: Pixels | None, longest: int) -> Pixels | None:
    """By one factor for all panels, so that they stay comparable."""
    if pixels is None:
        return None
    if longest > _MOST:
        return reduced(pixels, math.ceil(longest / _MOST))
    return _enlarged(pixels, max(1, _LEAST // longest))


def _fitted(pixels: Pixels | None, side: int) -> Pixels | None:
    if pixels is None:
        return None
    longest = max(pixels.shape[:2])
    if longest > side:
        return reduced(pixels, math.ceil(longest / side))
    return _enlarged(pixels, side // longest)


def _enlarged(pixels: Pixels, factor: int) -> Pixels:
    return np.asarray(pixels.repeat(factor, 0).repeat(factor, 1))


def _laid_out(panels: Sequence[Panel], columns: int, cell: tuple[int, int]) -> Pixels:
    """The panels in rows, each in a cell of (width, height) pixels above its caption."""
    from PIL import Image as pillow
    from PIL import ImageDraw

    width, height = cell
    lines = [_lines(panel, width) for panel in panels]
    rows = math.ceil(len(panels) / columns)
    text = [
        max(len(one) for one in lines[row * columns : (row + 1) * columns]) * _LINE for row in range(rows)
    ]
    tops = [_GAP + sum(height + text[above] + 2 * _GAP for above in range(row)) for row in range(rows)]
    whole = tops[-1] + height + text[-1] + 2 * _GAP
    paper = pillow.new("RGB", (_GAP + columns * (width + _GAP), whole), _PAPER)
    draw = ImageDraw.Draw(paper)
    for place, panel in enumerate(panels):
        left, top = _GAP + place % columns * (width + _GAP), tops[place // columns]
        if panel.pixels is not None:
            paper.paste(image(panel.pixels), (left, top + height - panel.pixels.shape[0]))
        _write(draw, lines[place], left, top + height + _GAP // 2)
    return np.asarray(paper)


def _lines(panel: Panel, width: int) -> list[tuple[str, tuple[int, int, int]]]:
    caption = [(line, _INK) for line in _broken(panel.caption, width)]
    return [*caption, *((line, _FAINT) for line in _broken(panel.about, width))]


def _broken(text: str, width: int) -> list[str]:
    """The text in lines of at most `width` pixels, broken between words if it can be."""
    font, lines, rest = _font(), list[str](), text
    while rest:
        size = len(rest)
        while size > 1 and font.getlength(rest[:size]) > width:
            size -= 1
        if size < len(rest):
            size = max(_ends(rest[: size + 1]), default=size)
        lines.append(rest[:size])
        rest = rest[size:].lstrip()
    return lines


def _ends(text: str) -> Iterator[int]:
    """Where a line may end in `text`, whose last character does not fit: after a sign, or before a capital letter."""
    for place in range(1, len(text)):
        if text[place - 1] in _BREAKS or text[place].isupper() > text[place - 1].isupper():
            yield place


def _write(draw: ImageDraw, lines: Sequence[tuple[str, tuple[int, int, int]]], left: int, top: int) -> None:
    for number, (line, colour) in enumerate(lines):
        draw.text((left, top + number * _LINE), line, fill=colour, font=_font())


def _font() -> FreeTypeFont | ImageFont:
    from PIL import ImageFont

    return ImageFont.load_default(_FONT)
