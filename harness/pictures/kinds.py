"""What kind of thing an output is, from its name, dtype and shape and from what the case asked for."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from harness.core.capture import CaptureDocument
from harness.core.case import Values


class Kind(StrEnum):
    """How an output is shown."""

    PICTURE = "picture"
    VIDEO = "video"
    AUDIO = "audio"
    LATENTS = "latents"
    DEPTH = "depth"
    NORMALS = "normals"
    MASK = "mask"
    MAP = "map"
    NUMBERS = "numbers"
    TEXT = "text"


BY_VALUE = (Kind.LATENTS, Kind.MAP, Kind.DEPTH)
"""The kinds whose numbers have no scale of their own: shown in false colours, from their least to their largest."""

MOST_NUMBERS = 16
"""An output with up to so many elements is shown as numbers."""

CHANNELS = (1, 2, 3, 4)
"""The sizes of an axis that holds the channels of a picture: grey, grey with alpha, RGB, RGBA."""

_LEAST_SAMPLES = 1024  # a shorter row of numbers is no sound

_LEAST_SIDE = 8  # a plane with a shorter side is a table, not a picture


@dataclass(frozen=True, slots=True)
class Asked:
    """What the case asked for: its pipeline class and the arguments of its call."""

    pipeline: str = ""
    call: Values = field(default_factory=dict)

    @classmethod
    def of(cls, document: CaptureDocument) -> Self:
        """What the case of a golden or capture asked for."""
        call = document.definition.get("call")
        pipeline = document.definition.get("pipeline")
        return cls(str(pipeline or ""), call if isinstance(call, Mapping) else {})

    @property
    def latent(self) -> bool:
        """Whether the outputs are latents by request."""
        return self.call.get("output_type") == "latent"


def kind_of(name: str, dtype: str, shape: tuple[int, ...], asked: Asked) -> Kind:
    """The kind of the output `name`, without the prefix of stored outputs; text is told apart by the document."""
    word = re.sub(r"[.\d]+$", "", name).rpartition(".")[2]
    if math.prod(shape) <= MOST_NUMBERS or not all(shape):
        return Kind.NUMBERS
    if dtype.startswith("complex"):
        return Kind.MAP
    if _is_sound(word, shape, asked):
        return Kind.AUDIO
    if asked.latent or "latent" in word:
        return Kind.LATENTS if len(shape) >= 3 else Kind.MAP
    if "embed" in word or len(shape) < 2:
        return Kind.MAP
    return _of_planes(word, dtype, shape, asked)


def _is_sound(word: str, shape: tuple[int, ...], asked: Asked) -> bool:
    named = word.startswith("audio") or ("Audio" in asked.pipeline and len(shape) < 4)
    return named and not asked.latent and len(shape) <= 3 and max(shape) >= _LEAST_SAMPLES


def _of_planes(word: str, dtype: str, shape: tuple[int, ...], asked: Asked) -> Kind:
    """The kind of an output with rows and columns."""
    last, first = shape[-1] in CHANNELS, len(shape) >= 3 and shape[-3] in CHANNELS
    rows, columns = (shape[-3], shape[-2]) if last and len(shape) >= 3 else (shape[-2], shape[-1])
    if min(rows, columns) < _LEAST_SIDE and dtype != "uint8":
        return Kind.MAP
    if dtype == "bool" or "mask" in word:
        return Kind.MASK
    if "depth" in word or ("Depth" in asked.pipeline and shape[-1] == 1):
        return Kind.DEPTH
    if "normal" in word or ("Normals" in asked.pipeline and shape[-1] == 3):
        return Kind.NORMALS
    if len(shape) == 5 or (len(shape) == 4 and word in ("frames", "video", "videos")):
        return Kind.VIDEO if last or first or shape[1] in CHANNELS else Kind.LATENTS
    if len(shape) == 4:
        return Kind.PICTURE if last or shape[1] in (1, 3) or dtype == "uint8" else Kind.LATENTS
    pictured = dtype == "uint8" or (len(shape) == 3 and last) or word in ("image", "images")
    return Kind.PICTURE if pictured else Kind.MAP
