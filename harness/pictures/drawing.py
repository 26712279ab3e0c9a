"""The drawing of one output: golden, run and what changed between them, ready to be shown or saved.

    drawing = drawing_of("images", golden_output, run_output, Asked.of(document))
    drawing.golden, drawing.now            # pixels, None if there are none
    drawing.changes()                      # one view per gain, each with its scale in words

`saving` writes a drawing as files; the page of a report shows a reduced one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.pictures.colours import NOTHING, Pixels, painted
from harness.pictures.difference import GAINS, Box, Difference, difference
from harness.pictures.film import Film, film_of
from harness.pictures.kinds import BY_VALUE, Asked, Kind, kind_of
from harness.pictures.layout import Frames, frames_of
from harness.pictures.masks import Mask, mask_of
from harness.pictures.outputs import Output
from harness.pictures.scale import Scale, scale_of
from harness.pictures.sound import Sound, change_drawn, drawn, lag, sounds_of
from harness.pictures.wording import Piece, text_pieces


@dataclass(frozen=True, slots=True)
class View:
    """One picture with its name (`x16`), and its scale in words."""

    name: str
    legend: str
    pixels: Pixels


@dataclass(frozen=True, slots=True)
class Sounds:
    """The item of an audio output that changed most, on each side; `item` counts from 0."""

    golden: Sound | None
    now: Sound | None
    item: int
    items: int

    @property
    def peak(self) -> float:
        """The value at the edge of the waveform: 1, or the golden's largest if that is greater."""
        side = self.golden or self.now
        largest = float(np.nan_to_num(np.abs(side.samples)).max(initial=0)) if side else 0.0
        return max(1.0, largest) if np.isfinite(largest) else 1.0

    @property
    def worst(self) -> int | None:
        """The sample that changed most; None if there is no pair of sounds of one length."""
        if self.golden is None or self.now is None or self.golden.samples.shape != self.now.samples.shape:
            return None
        change = np.nan_to_num(np.abs(self.now.samples - self.golden.samples), nan=np.inf)
        return int(change.max(0).argmax())


@dataclass(frozen=True, slots=True)
class Number:
    """An element of a small output: its index, and both sides; None for a side that lacks it."""

    index: tuple[int, ...]
    golden: float | None
    now: float | None


@dataclass(frozen=True, slots=True)
class Drawing:
    """What can be seen of one output; what does not apply to its kind is None or empty.

    `about` describes the output (`float32 [1, 4, 8, 8]`), `legend` the colours of `golden` and `now`. Of a
    video these are its worst frame, of a sound waveform and spectrogram. `pieces` compare texts, `numbers` small
    outputs. `notes` are what a viewer must know, such as that the picture hides the change.
    """

    output: str
    kind: Kind
    about: str
    legend: str = ""
    golden: Pixels | None = None
    now: Pixels | None = None
    difference: Difference | None = None
    masks: tuple[Mask | None, Mask | None] = (None, None)
    film: Film | None = None
    sounds: Sounds | None = None
    pieces: tuple[Piece, ...] = ()
    numbers: tuple[Number, ...] = ()
    notes: tuple[str, ...] = ()

    def changes(self, block: int = 1) -> tuple[View, ...]:
        """The difference at each gain, and where it differs at all; reduced by `block`; empty without a difference."""
        if self.sounds is not None:
            return tuple(self._sound_changes())
        if self.difference is None:
            return ()
        pooled = self.difference.pooled(block)
        views = [View(f"x{gain}", pooled.legend(gain), pooled.picture(gain)) for gain in GAINS]
        return (*views, View("anywhere", "full colour: differs at all", pooled.anywhere()))

    def boxes(self) -> tuple[Box, ...]:
        """Where to look, if only a few places differ."""
        return self.difference.boxes() if self.difference else ()

    def _sound_changes(self) -> Iterator[View]:
        found = self.sounds
        if found is None or found.worst is None or found.golden is None or found.now is None:
            return
        for gain in GAINS:
            legend = f"edge of the waveform: {found.peak / gain:.3g}; full colour: {80 / gain:.3g} dB"
            pixels = change_drawn(found.golden, found.now, found.peak, gain)
            yield View(f"x{gain}", legend, pixels)


def drawing_of(name: str, golden: Output | None, now: Output | None, asked: Asked) -> Drawing:
    """The drawing of the output `name`; golden or run is None if it lacks the output, not both."""
    side = golden or now
    if side is None:
        raise ValueError(f"{name}: neither side has this output")
    about = _about(golden, now)
    if side.text is not None:
        return _text(name, golden, now, about)
    if side.values is None or (now is not None and now.values is None):
        kind = kind_of(name, side.dtype, side.shape, asked)
        return Drawing(name, kind, about, notes=("too large to be drawn: more than 1 GiB",))
    kind = kind_of(name, side.dtype, side.shape, asked)
    ours, theirs = (None if one is None else one.values for one in (golden, now))
    if kind is Kind.NUMBERS:
        return Drawing(name, kind, about, numbers=tuple(_numbers(ours, theirs)))
    if kind is Kind.AUDIO:
        return _sound(Drawing(name, kind, about), ours, theirs, asked)
    return _pixels(Drawing(name, kind, about), ours, theirs, asked)


Values = npt.NDArray[Any] | None


def _about(golden: Output | None, now: Output | None) -> str:
    words = [f"{one.dtype} {list(one.shape)}" if one.text is None else "text" for one in (golden, now) if one]
    return " -> ".join(dict.fromkeys(words))


def _text(name: str, golden: Output | None, now: Output | None, about: str) -> Drawing:
    ours, theirs = ((one.text or "") if one else "" for one in (golden, now))
    return Drawing(name, Kind.TEXT, about, pieces=text_pieces(ours, theirs))


def _numbers(golden: Values, now: Values) -> Iterator[Number]:
    side = golden if golden is not None else now
    assert side is not None
    alike = golden is None or now is None or golden.shape == now.shape
    for index in np.ndindex(side.shape):
        ours = None if golden is None else float(golden[index])
        theirs = None if now is None or not alike else float(now[index])
        yield Number(index, ours, theirs)


def _pixels(plain: Drawing, golden: Values, now: Values, asked: Asked) -> Drawing:
    """The drawing of an output that has rows and columns."""
    first = golden if golden is not None else now
    assert first is not None
    scale = scale_of(first, plain.kind)
    ours, theirs = _frames(golden, plain.kind), _frames(now, plain.kind)
    film = film_of(ours, theirs, scale, asked.call) if plain.kind is Kind.VIDEO else None
    worst = film.worst if film else 0
    still, other = _frame(ours, worst), _frame(theirs, worst)
    alike = still is not None and other is not None and still.shape == other.shape
    change = difference(still, other, scale) if alike and still is not None and other is not None else None
    found = replace(
        plain,
        about=plain.about + _count_words(plain.kind, ours or theirs),
        legend="" if scale.greys else f"colours: {scale.low:.3g} to {scale.high:.3g}",
        golden=_painted(ours, worst, scale, plain.kind),
        now=_painted(theirs, worst, scale, plain.kind),
        difference=change if change and change.pixels else None,
        masks=(
            None if still is None else mask_of(still, scale),
            None if other is None else mask_of(other, scale),
        ),
        film=film,
    )
    return replace(found, notes=tuple(_notes(found, golden, now)))


def _frames(values: Values, kind: Kind) -> Frames | None:
    return None if values is None else frames_of(values, kind)


def _frame(frames: Frames | None, number: int) -> Values:
    return None if frames is None or number >= len(frames.values) else frames.values[number]


def _painted(frames: Frames | None, number: int, scale: Scale, kind: Kind) -> Pixels | None:
    if frames is None or number >= len(frames.values):
        return None
    pixels = painted(scale.levels(frames.values[number]), heat=kind in BY_VALUE)
    if frames.tiles > 1:
        rows, columns = frames.gaps()
        pixels[rows], pixels[:, columns] = NOTHING, NOTHING
    return pixels


def _count_words(kind: Kind, frames: Frames | None) -> str:
    if frames is None:
        return ""
    if kind is Kind.VIDEO:
        return f", {len(frames.values)} frames"
    tiles = "channels" if kind is Kind.LATENTS else "pictures"
    return f", {frames.tiles} {tiles} side by side" if frames.tiles > 1 else ""


def _notes(found: Drawing, golden: Values, now: Values) -> Iterator[str]:
    if golden is not None and now is not None and golden.shape != now.shape:
        yield "the shapes differ, so there is no picture of the difference"
    if found.film is not None:
        yield from _film_notes(found.film)
    yield from _mask_notes(*found.masks)
    change = found.difference
    if change is not None and change.is_hidden:
        least = f"{change.largest:.2g} of a grey level"
        how = least if change.scale.greys else change.scale.words(change.largest)
        yield f"the picture hides this change: it differs by at most {how}; look at the numbers"


def _mask_notes(golden: Mask | None, now: Mask | None) -> Iterator[str]:
    """What of NaN, Inf and clipping changed, in pixels."""
    before, after = ({} if mask is None else mask.counts for mask in (golden, now))
    changed = [
        f"{name} {before.get(name, 0)} -> {count}"
        for name, count in after.items()
        if before.get(name, 0) != count
    ]
    if before and changed:
        yield f"elements that the picture cannot show: {', '.join(changed)}"


def _film_notes(film: Film) -> Iterator[str]:
    differing = [place for place, error in enumerate(film.errors) if error]
    if film.moved:
        moves = ", ".join(f"{place} is the golden's {other}" for place, other in film.moved[:6])
        yield f"frames changed places, counted from 0: {moves}"
    elif differing:
        share = f"{len(differing)} of {len(film.errors)} frames differ"
        yield f"{share}; frame {film.worst}, counted from 0, differs most and is shown"


def _sound(plain: Drawing, golden: Values, now: Values, asked: Asked) -> Drawing:
    """The drawing of an audio output."""
    ours = () if golden is None else sounds_of(golden, asked.pipeline, asked.call)
    theirs = () if now is None else sounds_of(now, asked.pipeline, asked.call)
    item = _item(ours, theirs)
    sounds = Sounds(
        ours[item] if item < len(ours) else None,
        theirs[item] if item < len(theirs) else None,
        item,
        max(len(ours), len(theirs)),
    )
    side = sounds.golden or sounds.now
    assert side is not None
    which = f", item {item} of {sounds.items}" if sounds.items > 1 else ""
    return replace(
        plain,
        about=f"{plain.about}{which}, {side.seconds:.3g} s at {side.rate / 1000:g} kHz",
        legend=f"edge of the waveform: {sounds.peak:.3g}; spectrogram: -80 to 0 dB, 0 to {side.rate / 2000:g} kHz",
        golden=drawn(sounds.golden, sounds.peak) if sounds.golden else None,
        now=drawn(sounds.now, sounds.peak) if sounds.now else None,
        sounds=sounds,
        notes=tuple(_sound_notes(sounds)),
    )


def _item(golden: tuple[Sound, ...], now: tuple[Sound, ...]) -> int:
    """The item that changed most."""
    sizes = [
        float(np.nan_to_num(np.abs(theirs.samples - ours.samples)).max(initial=0))
        if ours.samples.shape == theirs.samples.shape
        else np.inf
        for ours, theirs in zip(golden, now, strict=False)
    ]
    return int(np.argmax(sizes)) if sizes else 0


def _sound_notes(sounds: Sounds) -> Iterator[str]:
    golden, now = sounds.golden, sounds.now
    if golden is None or now is None:
        return
    if golden.samples.shape != now.samples.shape:
        yield "the lengths differ, so there is no picture of the difference"
    if late := lag(golden, now):
        word = "lags" if late > 0 else "leads"
        yield f"the run {word} the golden by {abs(late)} sample{'s' if abs(late) > 1 else ''}"
    largest = float(np.abs(now.samples - golden.samples).max()) if sounds.worst is not None else 1.0
    if 0 < largest < 1 / 65536:
        yield f"the picture hides this change: no sample differs by more than {largest:.2g}; look at the numbers"
