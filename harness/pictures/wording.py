"""Compares two texts word by word."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import Literal

_TOKEN = re.compile(r"\s+|\w+|[^\w\s]")

_MOST_WORDS = 20_000  # difflib takes minutes for more


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text: on both sides, only in the golden, or only in the run."""

    side: Literal["both", "golden", "now"]
    text: str


def text_pieces(golden: str, now: str) -> tuple[Piece, ...]:
    """The two texts as one row of pieces; what changed is told by whole words."""
    ours, theirs = _TOKEN.findall(golden), _TOKEN.findall(now)
    if max(len(ours), len(theirs)) > _MOST_WORDS:
        return (Piece("golden", golden), Piece("now", now)) if golden != now else (Piece("both", golden),)
    found = list[Piece]()
    for kind, first, last, begin, end in difflib.SequenceMatcher(None, ours, theirs, False).get_opcodes():
        if kind == "equal":
            found.append(Piece("both", "".join(ours[first:last])))
            continue
        parts = (Piece("golden", "".join(ours[first:last])), Piece("now", "".join(theirs[begin:end])))
        found += [part for part in parts if part.text]
    return tuple(found)
