"""Input files as cameras, recorders and editors write them: read as diffusers reads them, or refused by name."""

from __future__ import annotations

import struct
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diffusers.utils import load_image
from PIL import Image
from scipy.io import wavfile

from harness.core.case import InputFile
from harness.worker.inputs.inputs import call_arguments
from harness.worker.rejection import Rejection
from tests.core.samples import case


def loaded(path: Path) -> Any:
    inputs = (InputFile(path.name, str(path), "0" * 64),)
    return call_arguments(case(call={"it": {"$file": path.name}}, inputs=inputs))["it"]


def refusal(path: Path) -> str:
    with pytest.raises(Rejection) as caught:
        loaded(path)
    return str(caught.value)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
def test_a_picture_that_a_camera_turned_is_what_load_image_gives(tmp_path: Path, name: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = np.random.default_rng(0).integers(0, 256, (4, 8, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / name, exif=exif)
    found = loaded(tmp_path / name)
    assert found.size == (4, 8)
    assert np.array_equal(np.asarray(found), np.asarray(load_image(str(tmp_path / name))))


def test_a_turned_mask_stays_grey(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.fromarray(np.array([[0, 255]], np.uint8)).save(tmp_path / "a.png", exif=exif)
    found = loaded(tmp_path / "a.png")
    assert (found.mode, np.asarray(found).tolist()) == ("L", [[255, 0]])


def test_sound_in_24_bits(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(3)
        file.setframerate(48_000)
        file.writeframes(
            b"".join(value.to_bytes(3, "little", signed=True) for value in (-(2**23), 2**22, 1, 0))
        )
    found = loaded(tmp_path / "a.wav")
    assert (str(found.dtype), found.tolist()) == ("torch.float32", [[-1.0, 2.0**-23], [0.5, 0.0]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sound_in_float(tmp_path: Path, dtype: type) -> None:
    values = np.array([[0.25, -1.5], [1e-3, 0.0]], dtype)
    wavfile.write(tmp_path / "a.wav", 44_100, values)
    assert loaded(tmp_path / "a.wav").numpy().tolist() == values.T.astype(np.float32).tolist()


def test_sound_that_is_compressed_or_cut_off_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    wavfile.write(path, 8000, np.zeros(8, np.int16))
    content = path.read_bytes()
    path.write_bytes(content[:-5])
    assert "it is truncated: it has 11 of 16 bytes of samples" in refusal(path)
    for code, name in ((6, "A-law"), (7, "mu-law"), (0x55, "MP3")):
        path.write_bytes(content[:20] + struct.pack("<H", code) + content[22:])
        assert f"{name} samples" in refusal(path)
        assert "ffmpeg" in refusal(path)


def test_text_with_a_byte_order_mark_is_the_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a handwritten seven", encoding="utf-8-sig")
    assert loaded(tmp_path / "a.txt") == "a handwritten seven"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_text_in_another_encoding_is_told_which(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.txt").write_text("a handwritten seven", encoding=encoding)
    assert f"{encoding[:6].upper()} text; save it as UTF-8" in refusal(tmp_path / "a.txt")


def test_text_in_which_a_merge_is_unfinished_is_no_prompt(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a\n<<<<<<< HEAD\nseven\n=======\nnine\n>>>>>>> theirs\n")
    assert "line 2: unresolved merge conflict" in refusal(tmp_path / "a.txt")
