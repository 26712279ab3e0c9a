"""`$file`: the input files that a pipeline can be given, and why others cannot be read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from harness.config.forms.form import Form
from harness.config.wording import listing, shown
from harness.core.formats import PICKLE_SUFFIXES
from harness.errors import Problem

SUFFIXES = (
    ".png",
    ".jpg",
    ".jpeg",
    ".webp",
    ".bmp",
    ".tif",
    ".tiff",
    ".npy",
    ".safetensors",
    ".wav",
    ".mp4",
    ".gif",
    ".txt",
)
_WITHOUT_KEY = "|".join(suffix[1:] for suffix in SUFFIXES if suffix != ".safetensors")
PATTERN = rf"^[^#\x00]*[^#/\x00](\.({_WITHOUT_KEY})|\.safetensors(#[^\x00]+)?)$"
_FILE = re.compile(PATTERN)

_PICKLE = (
    "a pickle can run any code when it is read; if you trust it, convert it, for tensors with "
    'safetensors.torch.save_file(torch.load(FILE, weights_only=True), "FILE.safetensors"), for arrays with numpy.save'
)
_SOUND = "this audio format is not supported; convert it to .wav, for example with `ffmpeg -i FILE FILE.wav`"
_FILM = "this video format is not supported; convert it to .mp4, for example with `ffmpeg -i FILE FILE.mp4`"
_REFUSED: Mapping[str, str] = {
    **dict.fromkeys(PICKLE_SUFFIXES, _PICKLE),
    **dict.fromkeys((".mp3", ".flac", ".ogg", ".m4a", ".aac"), _SOUND),
    **dict.fromkeys((".avi", ".mov", ".mkv", ".webm"), _FILM),
    ".npz": "archives of arrays are not supported; save each array as .npy with numpy.save",
    ".json": "write its values into this file",
    ".yaml": "write its values into this file",
}


def is_file(argument: object) -> bool:
    """Whether `argument` is a path that `$file` accepts."""
    return isinstance(argument, str) and _FILE.fullmatch(argument) is not None


def _check(key: str, argument: object) -> Iterator[Problem]:
    if not is_file(argument):
        yield Problem("", key, shown(argument), _wrong(argument))


def _wrong(argument: object) -> str:
    path, mark, _ = argument.partition("#") if isinstance(argument, str) else ("", "", "")
    reason = _REFUSED.get(PurePosixPath(path).suffix.lower())
    if reason is not None:
        return reason
    if mark:
        return "expected a path; only .safetensors takes a #key after it"
    return f"expected a path that ends in {listing(SUFFIXES)} (.safetensors also with #key)"


FILE = Form(lambda: {"type": "string", "pattern": PATTERN}, _check)
