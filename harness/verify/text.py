"""Where two text tensors differ first, found in pieces."""

from __future__ import annotations

from itertools import zip_longest

from harness.golden.tensors import TensorFile

_CONTINUATION = bytes(range(0x80, 0xC0))
_SHOWN = 32
"""Bytes of text shown from the place on."""


def first_difference(golden: TensorFile, now: TensorFile, name: str) -> str:
    """The first differing character of the UTF-8 texts called `name`, counted from 0, in words.

    Reads both wholly, so that both are verified; raises UnreadableGolden as `TensorFile.raw` does.
    """
    found, before = "", 0
    for ours, theirs in zip_longest(golden.raw(name), now.raw(name), fillvalue=b""):
        if not found:
            left, right = bytes(ours), bytes(theirs)
            found = _describe(left, right, before) if left != right else ""
            before += _characters(left)
    return found


def _describe(left: bytes, right: bytes, before: int) -> str:
    shorter = min(len(left), len(right))
    index = next((i for i in range(shorter) if left[i] != right[i]), shorter)
    while index and (_continues(left, index) or _continues(right, index)):
        index -= 1
    shown = [text[index : index + _SHOWN].decode(errors="ignore") for text in (left, right)]
    there, here = (repr(text) if text else "the end" for text in shown)
    place = before + _characters(left[:index])
    return f"text differs from character {place} on: {there} in the golden, now {here}"


def _characters(text: bytes) -> int:
    return len(text.translate(None, _CONTINUATION))


def _continues(text: bytes, index: int) -> bool:
    return text[index : index + 1] in _CONTINUATION and index < len(text)
