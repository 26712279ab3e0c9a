"""Saves drawings as files that every viewer opens: PNG, GIF or MP4, WAV, text."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Literal

from harness import files
from harness.pictures.drawing import Drawing
from harness.pictures.encode import gif, mp4, png, wav
from harness.pictures.film import Film
from harness.pictures.layout import Frames
from harness.pictures.sound import Sound

Side = Literal["golden", "now"]

MOST_GIF_FRAMES = 64
"""Of more frames, a GIF shows every second, third, ... one at the same speed."""


def save_drawing(drawing: Drawing, folder: Path, views: Collection[str] | None = None) -> tuple[Path, ...]:
    """Write everything that the drawing shows to `folder`, and return the paths; names begin with the output's.

    Pictures are whole, not reduced: `images-golden.png`, `images-now.png`, `images-x16.png`.
    `views` are the names of the differences that are wanted, None for all. Raises what `files.write` raises.
    """
    return tuple(_saved(drawing, folder, views))


def _saved(drawing: Drawing, folder: Path, views: Collection[str] | None) -> Iterator[Path]:
    def put(name: str, content: bytes) -> Path:
        path = folder / f"{_plain(drawing.output)}-{name}"
        _write(path, content)
        return path

    sides = (("golden", drawing.golden), ("now", drawing.now))
    for side, pixels in sides:
        if pixels is not None:
            yield put(f"{side}.png", png(pixels))
    for view in drawing.changes():
        if views is not None and view.name not in views:
            continue
        yield put(f"{view.name}.png", png(view.pixels))
    if drawing.film is not None:
        yield from _films(drawing, drawing.film, folder)
    if drawing.sounds is not None:
        sounds: tuple[tuple[Side, Sound | None], ...] = (
            ("golden", drawing.sounds.golden),
            ("now", drawing.sounds.now),
        )
        for side, sound in sounds:
            if sound is not None:
                yield put(f"{side}.wav", wav(sound.samples, sound.rate))
    for side in ("golden", "now") if drawing.pieces else ():
        text = "".join(piece.text for piece in drawing.pieces if piece.side in ("both", side))
        yield put(f"{side}.txt", text.encode())


def _films(drawing: Drawing, film: Film, folder: Path) -> Iterator[Path]:
    sides: tuple[tuple[Side, Frames | None], ...] = (("golden", film.golden), ("now", film.now))
    for side, frames in sides:
        if frames is None:
            continue
        path = folder / f"{_plain(drawing.output)}-{side}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        if mp4(path, film.playing(frames), film.fps):
            yield path
            continue
        step = -(-len(frames.values) // MOST_GIF_FRAMES)
        shown = (frame for place, frame in enumerate(film.playing(frames)) if place % step == 0)
        path = path.with_suffix(".gif")
        _write(path, gif(shown, film.fps / step))
        yield path


def _write(path: Path, content: bytes) -> None:
    """As `files.write`, but without waiting for the disk: a picture can be drawn again."""
    try:
        with files.replacing(path, durable=False) as file:
            file.write(content)
    except OSError as error:
        raise files.refusal(path, error) from error


def _plain(name: str) -> str:
    """A file name of an output's name, which may hold anything."""
    return "".join(letter if letter.isalnum() or letter in "._" else "_" for letter in name)[:80] or "output"
