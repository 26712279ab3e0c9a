"""From a file's bytes to its text: only UTF-8, and no remains of an unfinished merge."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass

_WIDE_MARKS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_MARKER = re.compile(r"(?:(<{7,})|(\|{7,})|(={7,})|(>{7,}))(?: .*)?")
_OPENING, _DIVIDING, _CLOSING = 1, 3, 4
_LONGEST_SHOWN = 60


class NotText(ValueError):
    """Bytes that are not UTF-8 text; the message says why, and how to save them."""


def decoded(content: bytes) -> str:
    """The UTF-8 text in `content` without its byte order mark; raises NotText, naming other encodings."""
    # Without a byte order mark, wide encodings are recognised by a zero in the first characters.
    if content.startswith(_WIDE_MARKS) or b"\0" in content[:4]:
        wide = "UTF-32" if b"\0\0" in content[:4] else "UTF-16"
        raise NotText(f"{wide} text; save it as UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = f"0x{content[error.start]:02x}"
        raise NotText(f"line {line}: not UTF-8 text (byte {byte}); save it as UTF-8") from None


@dataclass(frozen=True, slots=True)
class Marker:
    """A line of a merge conflict, as git writes it: its number, from 1, and its text."""

    line: int
    text: str

    @property
    def place(self) -> str:
        """`line 3`."""
        return f"line {self.line}"

    def __str__(self) -> str:
        return f"{self.place}: unresolved merge conflict ({self.text}); resolve it and remove the markers"


def conflicts(text: str) -> tuple[Marker, ...]:
    """Where each complete conflict in `text` begins: an opening marker followed by a dividing and a closing one."""
    whole: list[Marker] = []
    opening: Marker | None = None
    divided = False
    for kind, marker in _markers(text):
        if kind == _OPENING:
            opening, divided = opening or marker, False
        elif kind == _DIVIDING:
            divided = True
        elif kind == _CLOSING and opening and divided:
            whole.append(opening)
            opening = None
    return tuple(whole)


def conflict_remains(text: str) -> tuple[Marker, ...]:
    """Where each conflict in `text` begins or, if none is complete, its first marker of any kind.

    A single marker may be intended (a line of equals signs), so use this only for texts that cannot be read otherwise.
    """
    return conflicts(text) or tuple(marker for _, marker in _markers(text))[:1]


def conflict_in(content: bytes | str) -> Marker | None:
    """The first of `conflict_remains`; bytes that are not UTF-8 are searched as well."""
    text = content if isinstance(content, str) else content.decode("utf-8", "replace")
    return next(iter(conflict_remains(text)), None)


def _markers(text: str) -> Iterator[tuple[int, Marker]]:
    for number, line in enumerate(text.split("\n"), 1):
        found = _MARKER.fullmatch(line.rstrip("\r"))
        if found and found.lastindex:
            yield found.lastindex, Marker(number, found[0][:_LONGEST_SHOWN])
