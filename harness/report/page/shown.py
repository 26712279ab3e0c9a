"""What a page shows of an output: small pictures and sounds as bytes, without any array."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass

from harness.pictures.wording import Piece


@dataclass(frozen=True, slots=True)
class Picture:
    """An encoded picture, its size in pixels and its media type."""

    content: bytes
    media: str
    width: int
    height: int

    @property
    def uri(self) -> str:
        """The picture as an address that holds it."""
        return data_uri(self.content, self.media)


def data_uri(content: bytes, media: str) -> str:
    """An address that holds its content."""
    return f"data:{media};base64,{b64encode(content).decode()}"


@dataclass(frozen=True, slots=True)
class Gained:
    """The difference at one gain: `name` is `x16`, `legend` its scale in words."""

    name: str
    legend: str
    picture: Picture


@dataclass(frozen=True, slots=True)
class Spot:
    """A place that differs, in percent of the picture's width and height."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Enlarged:
    """The close-up of the place that changed most, `where` in words."""

    where: str
    legend: str
    golden: Picture
    now: Picture
    change: Picture


@dataclass(frozen=True, slots=True)
class Masks:
    """Where elements are NaN, infinite or clipped, with the counts of each side in words."""

    golden: Picture | None
    now: Picture | None
    words: str


@dataclass(frozen=True, slots=True)
class FilmSheet:
    """A contact sheet of each side: the numbers of its `frames` in rows of `columns`, each `width` x `height`.

    `bars` are the largest changes of all frames as shares of the largest one; `worst` is the frame that changed most.
    """

    golden: Picture | None
    now: Picture | None
    frames: tuple[int, ...]
    columns: int
    width: int
    height: int
    bars: tuple[float, ...]
    worst: int
    fps: float


@dataclass(frozen=True, slots=True)
class Clips:
    """What can be played: each side as an address that holds it, and which part it is in words."""

    golden: str
    now: str
    words: str


@dataclass(frozen=True, slots=True)
class Row:
    """An element of a small output in words."""

    index: str
    golden: str
    now: str
    differs: bool


@dataclass(frozen=True, slots=True)
class Saved:
    """A file beside the page: `path` is relative to it."""

    label: str
    path: str


@dataclass(frozen=True, slots=True)
class Shown:
    """One output as the page shows it; what does not apply to its kind is None or empty.

    `best` is the place in `changes` of the gain to begin with. `reduced` says by how much pictures are reduced, 1 if
    they are whole.
    """

    output: str
    kind: str
    about: str
    legend: str = ""
    notes: tuple[str, ...] = ()
    golden: Picture | None = None
    now: Picture | None = None
    changes: tuple[Gained, ...] = ()
    best: int = 0
    reduced: int = 1
    spots: tuple[Spot, ...] = ()
    enlarged: Enlarged | None = None
    masks: Masks | None = None
    film: FilmSheet | None = None
    clips: Clips | None = None
    pieces: tuple[Piece, ...] = ()
    rows: tuple[Row, ...] = ()
    files: tuple[Saved, ...] = ()

    @property
    def size(self) -> int:
        """The bytes of all its pictures."""
        pictures = [self.golden, self.now, *(one.picture for one in self.changes)]
        return sum(len(one.content) for one in pictures if one)
