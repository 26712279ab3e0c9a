"""Audio files: the samples of a `.wav` in any number format.

The format: https://learn.microsoft.com/windows/win32/xaudio2/resource-interchange-file-format--riff- and
`WAVEFORMATEXTENSIBLE` in Windows' mmreg.h. Python's own `wave` reads only integers.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

_PCM, _FLOAT, _EXTENSIBLE = 0x0001, 0x0003, 0xFFFE
_REST_OF_SUBFORMAT = bytes.fromhex("000000001000800000aa00389b71")
"""The bytes after the format's two bytes in a subformat that means one of the plain formats."""

_UNTIL_THE_END = 0xFFFFFFFF
"""The size written by programs that cannot seek back to the header, such as ffmpeg into a pipe."""

_NAMES = {
    0x0002: "Microsoft ADPCM",
    0x0006: "A-law",
    0x0007: "mu-law",
    0x0011: "IMA ADPCM",
    0x0031: "GSM 6.10",
    0x0050: "MPEG",
    0x0055: "MP3",
    0x0161: "Windows Media Audio",
    0x2000: "AC-3",
}
_ACCEPTED = "PCM of 8, 16, 24 or 32 bits and float of 32 or 64 bits are read"
_CONVERT = "convert it, for example with `ffmpeg -i FILE -c:a pcm_f32le FILE.wav`"


@dataclass(frozen=True, slots=True)
class _Format:
    """The format of samples: `code` is PCM or float, `width` the bytes of one sample."""

    code: int
    channels: int
    width: int


def samples(path: Path) -> torch.Tensor:
    """The samples as float32, shape (channels, samples).

    Integers are scaled to [-1, 1]; floats keep their values, which may lie outside. Raises ValueError for a
    truncated or damaged file, and for compressed audio.
    """
    form: _Format | None = None
    for name, content, size in _chunks(path.read_bytes()):
        if name == b"fmt ":
            form = _format(content)
        elif name == b"data":
            if form is None:
                raise ValueError("it has no `fmt ` chunk before its samples")
            return torch.from_numpy(_decoded(form, _whole(form, content, size)))
    raise ValueError("it holds no samples (no `data` chunk)")


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes, int]]:
    """The name, the bytes and the announced size of each chunk; a truncated one has fewer bytes."""
    if content[:4] in (b"RIFX", b"RF64", b"BW64"):
        raise ValueError(f"it is a {content[:4].decode()} file, but only RIFF is read; {_CONVERT}")
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise ValueError("it is not a RIFF/WAVE file")
    place = 12
    while place + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, place)
        place += 8
        yield name, content[place : place + size], size
        place += size + size % 2


def _format(content: bytes) -> _Format:
    if len(content) < 16:
        raise ValueError(f"its `fmt ` chunk has {len(content)} bytes, but at least 16 are needed")
    code, channels, _, _, block, bits = struct.unpack_from("<HHIIHH", content)
    if code == _EXTENSIBLE:
        code = _subformat(content)
    width = (bits + 7) // 8
    if code not in (_PCM, _FLOAT):
        raise ValueError(f"{_NAMES.get(code, f'format 0x{code:04x}')} samples; {_ACCEPTED}: {_CONVERT}")
    if width not in {_PCM: (1, 2, 3, 4), _FLOAT: (4, 8)}[code]:
        raise ValueError(f"{bits}-bit {'PCM' if code == _PCM else 'float'} samples; {_ACCEPTED}: {_CONVERT}")
    if channels == 0 or block != channels * width:
        raise ValueError(f"its `fmt ` chunk gives {block} bytes for {channels} samples of {bits} bits")
    return _Format(code, channels, width)


def _subformat(content: bytes) -> int:
    """The plain format that an extensible one means; samples fill their container from the top."""
    if len(content) < 40:
        raise ValueError(f"its extensible `fmt ` chunk has {len(content)} bytes, but at least 40 are needed")
    code, rest = struct.unpack_from("<H14s", content, 24)
    if rest != _REST_OF_SUBFORMAT:
        raise ValueError(f"samples of the subformat {content[24:40].hex()}; {_ACCEPTED}: {_CONVERT}")
    return int(code)


def _whole(form: _Format, content: bytes, size: int) -> bytes:
    block = form.channels * form.width
    if size == _UNTIL_THE_END:
        return content[: len(content) // block * block]
    if len(content) < size:
        raise ValueError(f"it is truncated: it has {len(content)} of {size} bytes of samples")
    if size % block:
        raise ValueError(f"its {size} bytes of samples are not a multiple of {block}, the size of a frame")
    return content


def _decoded(form: _Format, content: bytes) -> np.ndarray:
    """The samples in `content`: float32 [channels, samples]."""
    if form.code == _FLOAT:
        values = np.frombuffer(content, f"<f{form.width}").astype(np.float32)
    elif form.width == 1:
        values = ((np.frombuffer(content, np.uint8).astype(np.float64) - 128.0) / 128.0).astype(np.float32)
    else:
        # Padded to four bytes at the low end, so that each width becomes a 32-bit integer.
        wide = np.zeros((len(content) // form.width, 4), np.uint8)
        wide[:, 4 - form.width :] = np.frombuffer(content, np.uint8).reshape(-1, form.width)
        values = (wide.reshape(-1).view("<i4").astype(np.float64) / 2.0**31).astype(np.float32)
    return np.ascontiguousarray(values.reshape(-1, form.channels).T)
