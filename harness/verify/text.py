"""Where two text tensors differ first, found in pieces."""

from __future__ import annotations

from itertools import zip_longest

from harness.core.capture import OUTPUT_PREFIX
from harness.core.reasons import TextDiffers
from harness.golden.tensors import TensorFile

_CONTINUATION = bytes(range(0x80, 0xC0))
_SHOWN = 32
"""Bytes of text shown from the place on."""


def first_difference(golden: TensorFile, now: TensorFile, name: str) -> TextDiffers | None:
    """The first differing character of the UTF-8 texts called `name`; None for equal ones.

    Reads both wholly, so that both are verified; raises UnreadableGolden as `TensorFile.raw` does.
    """
    output = name.removeprefix(OUTPUT_PREFIX)
    found: TextDiffers | None = None
    before = 0
    for ours, theirs in zip_longest(golden.raw(name), now.raw(name), fillvalue=b""):
        if found is None:
            left, right = bytes(ours), bytes(theirs)
            found = _difference(output, left, right, before) if left != right else None
            before += _characters(left)
    return found


def _difference(output: str, left: bytes, right: bytes, before: int) -> TextDiffers:
    shorter = min(len(left), len(right))
    index = next((i for i in range(shorter) if left[i] != right[i]), shorter)
    while index and (_continues(left, index) or _continues(right, index)):
        index -= 1
    there, here = (text[index : index + _SHOWN].decode(errors="ignore") for text in (left, right))
    return TextDiffers(output, before + _characters(left[:index]), there, here)


def _characters(text: bytes) -> int:
    return len(text.translate(None, _CONTINUATION))


def _continues(text: bytes, index: int) -> bool:
    return text[index : index + 1] in _CONTINUATION and index < len(text)
