from __future__ import annotations

import io
import struct
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.pictures import encode


def noise(side: int = 40) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)


def pixels_of(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


@pytest.mark.parametrize("pixels", [noise(), noise() // 128 * 128, np.zeros((1, 1, 3), np.uint8)])
def test_png_is_exact(pixels: np.ndarray) -> None:
    assert (pixels_of(encode.png(pixels)) == pixels).all()


def test_few_colours_make_a_palette() -> None:
    few = noise(64) // 128 * 128
    assert Image.open(io.BytesIO(encode.png(few))).mode == "P"
    assert Image.open(io.BytesIO(encode.png(noise(64)))).mode == "RGB"


def test_small_files_are_exact_and_others_lossy() -> None:
    pixels = noise()
    exact, media = encode.webp(pixels, 100_000)
    assert media == "image/png"
    assert (pixels_of(exact) == pixels).all()
    lossy, media = encode.webp(pixels, 2_000)
    assert media == "image/webp"
    assert len(lossy) < len(exact)


def test_reduced_is_the_mean() -> None:
    pixels = np.zeros((4, 5, 3), np.uint8)
    pixels[:2, :2] = (10, 20, 40)
    pixels[0, 0] = (50, 20, 40)
    found = encode.reduced(pixels, 2)
    assert found.shape == (2, 3, 3)
    assert found[0, 0].tolist() == [20, 20, 40]


def test_gif_has_all_frames_and_their_time() -> None:
    frames = [np.full((8, 8, 3), level, np.uint8) for level in (0, 100, 200)]
    with Image.open(io.BytesIO(encode.gif(frames, 8))) as found:
        assert (found.n_frames, found.info["duration"], found.info["loop"]) == (3, 120, 0)


def test_wav_keeps_the_samples() -> None:
    samples = np.array([[0, 0.5, -1, 2, np.nan], [1, 0, 0, 0, 0]])
    content = encode.wav(samples, 16000)
    bytes_a_second, bytes_at_once = struct.unpack("<IH", content[28:34])
    assert (bytes_a_second, bytes_at_once) == (16000 * 2 * 2, 2 * 2)
    with wave.open(io.BytesIO(content)) as found:
        assert (found.getnchannels(), found.getsampwidth(), found.getframerate()) == (2, 2, 16000)
        data = np.frombuffer(found.readframes(5), "<i2").reshape(5, 2)
    assert data.tolist() == [[0, 32767], [16384, 0], [-32767, 0], [32767, 0], [0, 0]]


def test_without_ffmpeg_no_mp4_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    assert not encode.mp4(tmp_path / "a.mp4", iter([noise(7)]), 8)
    assert not list(tmp_path.iterdir())


def test_mp4_where_ffmpeg_is_installed(tmp_path: Path) -> None:
    pytest.importorskip("imageio_ffmpeg")
    assert encode.mp4(tmp_path / "a.mp4", iter([noise(7), noise(7)]), 8)
    assert (tmp_path / "a.mp4").read_bytes()[4:8] == b"ftyp"


def test_between_them_a_file_is_exact_as_webp() -> None:
    pixels = np.stack([np.add.outer(np.arange(64), np.arange(64) * step) % 256 for step in (1, 2, 3)], -1)
    pixels = pixels.astype(np.uint8)
    found, media = encode.webp(pixels, len(encode.png(pixels)) - 1)
    assert media == "image/webp"
    assert (pixels_of(found) == pixels).all()
    assert encode.webp(pixels, len(found)) == (found, media)
    assert len(encode.webp(pixels, len(found) - 1)[0]) != len(found)
