from __future__ import annotations

import struct
import wave
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from harness.worker.inputs.wav import samples

SUBFORMAT = bytes.fromhex("000000001000800000aa00389b71")


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(
        name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
        for name, content in chunks
    )
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body


def form(code: int, channels: int, bits: int, block: int | None = None) -> bytes:
    block = channels * ((bits + 7) // 8) if block is None else block
    return struct.pack("<HHIIHH", code, channels, 16_000, 16_000 * block, block, bits)


def extensible(code: int, channels: int, bits: int, valid: int, rest: bytes = SUBFORMAT) -> bytes:
    return form(0xFFFE, channels, bits) + struct.pack("<HHIH", 22, valid, 0, code) + rest


def read(tmp_path: Path, content: bytes) -> list[list[float]]:
    (tmp_path / "a.wav").write_bytes(content)
    found = samples(tmp_path / "a.wav")
    assert str(found.dtype) == "torch.float32"
    return found.tolist()


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_whole_numbers_of_every_width_as_the_standard_library_writes_them(
    tmp_path: Path, width: int, channels: int
) -> None:
    low, high = -(2 ** (8 * width - 1)), 2 ** (8 * width - 1) - 1
    values = [low, -1, 0, 1, high, high // 3, low // 7, 5 if width > 1 else 2, 0, 1, 2, 3]
    raw = b"".join(
        bytes([value + 128]) if width == 1 else value.to_bytes(width, "little", signed=True)
        for value in values
    )
    written = BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(8000)
        file.writeframes(raw)
    expected = np.array([value / 2 ** (8 * width - 1) for value in values], np.float32)
    assert read(tmp_path, written.getvalue()) == expected.reshape(-1, channels).T.tolist()


@pytest.mark.parametrize("dtype", ["<f4", "<f8", "<i2", "<i4", "u1"])
@pytest.mark.parametrize("channels", [1, 2])
def test_files_that_scipy_writes(tmp_path: Path, dtype: str, channels: int) -> None:
    numbers = np.random.default_rng(0)
    whole = dtype[-2] != "f"
    values = numbers.integers(0, 200, (9, channels)) if whole else numbers.normal(0, 2, (9, channels))
    wavfile.write(tmp_path / "b.wav", 44_100, values.astype(dtype))
    expected = values.astype(dtype).astype(np.float64)
    if whole:
        bits = 8 * np.dtype(dtype).itemsize
        expected = (expected - 128 * (bits == 8)) / 2 ** (bits - 1)
    assert samples(tmp_path / "b.wav").numpy().tolist() == expected.astype(np.float32).T.tolist()


def test_extensible_files_and_containers_that_are_not_full(tmp_path: Path) -> None:
    three = bytes.fromhex("000080ffff7f000040")
    assert read(tmp_path, riff((b"fmt ", extensible(1, 1, 24, 24)), (b"data", three))) == [
        [-1.0, (2**23 - 1) / 2**23, 0.5]
    ]
    # 20 of 24 and 24 of 32 bits: a sample fills its container from the top.
    assert read(tmp_path, riff((b"fmt ", extensible(1, 1, 24, 20)), (b"data", bytes.fromhex("100000")))) == [
        [2**-19]
    ]
    four = bytes.fromhex("00010000")
    assert read(tmp_path, riff((b"fmt ", extensible(1, 1, 32, 24)), (b"data", four))) == [[2**-23]]
    assert read(
        tmp_path, riff((b"fmt ", extensible(3, 2, 32, 32)), (b"data", struct.pack("<2f", 1.5, -3)))
    ) == [
        [1.5],
        [-3.0],
    ]


def test_other_chunks_are_passed_over_odd_ones_with_their_padding(tmp_path: Path) -> None:
    content = riff(
        (b"LIST", b"odd"),
        (b"fmt ", form(1, 1, 8)),
        (b"fact", b"1234"),
        (b"data", b"\x80\xff\x00"),
        (b"id3 ", b"x"),
    )
    assert read(tmp_path, content) == [[0.0, 127 / 128, -1.0]]


def test_a_file_from_a_pipe_reaches_to_its_end(tmp_path: Path) -> None:
    content = riff((b"fmt ", form(1, 1, 16))) + b"data" + b"\xff" * 4 + struct.pack("<2h", 16384, -32768)
    assert read(tmp_path, content) == [[0.5, -1.0]]


def test_no_samples_at_all(tmp_path: Path) -> None:
    assert read(tmp_path, riff((b"fmt ", form(1, 2, 16)), (b"data", b""))) == [[], []]


FLOAT = (b"fmt ", form(3, 1, 32))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "it is not a RIFF/WAVE file"),
        (b"RIFF\0\0\0\0AVI LIST", "it is not a RIFF/WAVE file"),
        (b"RIFX" + riff(FLOAT, (b"data", b""))[4:], "it is a RIFX file"),
        (b"RF64" + riff(FLOAT, (b"data", b""))[4:], "it is a RF64 file"),
        (
            riff((b"fmt ", form(6, 1, 8)), (b"data", b"")),
            "A-law samples; PCM of 8, 16, 24 or 32 bits and float",
        ),
        (riff((b"fmt ", form(7, 1, 8)), (b"data", b"")), "mu-law samples"),
        (riff((b"fmt ", form(0x11, 1, 4)), (b"data", b"")), "IMA ADPCM samples"),
        (riff((b"fmt ", form(0x55, 1, 0)), (b"data", b"")), "MP3 samples"),
        (riff((b"fmt ", form(0x1234, 1, 8)), (b"data", b"")), "format 0x1234 samples"),
        (riff((b"fmt ", extensible(7, 1, 8, 8)), (b"data", b"")), "mu-law samples"),
        (riff((b"fmt ", extensible(1, 1, 16, 16, b"\1" * 14)), (b"data", b"")), "subformat 01000101"),
        (riff((b"fmt ", extensible(1, 1, 16, 16)[:30]), (b"data", b"")), "at least 40 are needed"),
        (riff((b"fmt ", form(3, 1, 16)), (b"data", b"")), "16-bit float samples"),
        (riff((b"fmt ", form(1, 1, 64)), (b"data", b"")), "64-bit PCM samples"),
        (riff((b"fmt ", form(1, 0, 16)), (b"data", b"")), "0 bytes for 0 samples"),
        (riff((b"fmt ", form(1, 2, 16, 3)), (b"data", b"")), "3 bytes for 2 samples of 16 bits"),
        (riff((b"fmt ", b"\1\0")), "`fmt ` chunk has 2 bytes"),
        (riff((b"data", b"1234"), FLOAT), "no `fmt ` chunk before its samples"),
        (riff(FLOAT), r"no `data` chunk"),
        (riff(FLOAT, (b"data", bytes(8)))[:-3], "it is truncated: it has 5 of 8 bytes of samples"),
        (riff(FLOAT, (b"data", bytes(6))), "6 bytes of samples are not a multiple of 4"),
    ],
)
def test_what_cannot_be_read_is_called_by_its_name(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(ValueError, match=told):
        samples(tmp_path / "a.wav")
