"""What `call` names becomes Python objects: files by their suffix, tuples, and fresh copies for each run."""

from __future__ import annotations

import struct
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from harness.core.case import InputFile
from harness.worker.inputs.inputs import call_arguments
from harness.worker.rejection import Rejection
from tests.core.samples import case


def resolved(call: dict[str, Any], *files: Path) -> dict[str, Any]:
    inputs = tuple(InputFile(file.name, str(file), "0" * 64) for file in files)
    return call_arguments(case(call=call, inputs=inputs))


def loaded(file: Path, part: str = "") -> Any:
    return resolved({"it": {"$file": f"{file.name}{part}"}}, file)["it"]


def test_plain_values_stay_as_they_are() -> None:
    call = {
        "prompt": "seven",
        "eta": 0.5,
        "sizes": [1, [2]],
        "kwargs": {"scale": 1},
        "nothing": None,
        "on": True,
    }
    assert resolved(call) == call


def test_lists_and_mappings_are_made_anew_for_each_run() -> None:
    call: dict[str, Any] = {"sizes": [[1]], "kwargs": {"scale": [1]}}
    first = resolved(call)
    first["sizes"][0].append(2)
    first["kwargs"]["scale"].append(2)
    assert resolved(call) == {"sizes": [[1]], "kwargs": {"scale": [1]}}


def test_a_tuple_where_a_tuple_is_needed_also_nested() -> None:
    call = {"size": {"$tuple": [1, {"$tuple": [2, 3]}]}, "kwargs": {"crops": [{"$tuple": []}]}}
    assert resolved(call) == {"size": (1, (2, 3)), "kwargs": {"crops": [()]}}


@pytest.mark.parametrize("suffix", [".png", ".PNG"])
def test_a_png_is_a_pil_image_with_its_pixels(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"a{suffix}"
    pixels = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)
    Image.fromarray(pixels).save(file, format="png")
    image = loaded(file)
    assert (image.mode, image.size) == ("RGB", (3, 2))
    assert np.array_equal(np.asarray(image), pixels)


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg"])
def test_a_jpeg_is_a_pil_image(tmp_path: Path, suffix: str) -> None:
    Image.new("RGB", (8, 4), (255, 255, 255)).save(tmp_path / f"a{suffix}")
    image = loaded(tmp_path / f"a{suffix}")
    assert (image.mode, image.size, image.getpixel((0, 0))) == ("RGB", (8, 4), (255, 255, 255))


@pytest.mark.parametrize(
    ("saved", "read"),
    [("L", "L"), ("I;16", "I;16"), ("P", "RGB"), ("RGBA", "RGB"), ("1", "RGB"), ("LA", "RGB")],
)
def test_masks_and_depth_keep_their_mode_all_else_is_rgb(tmp_path: Path, saved: str, read: str) -> None:
    Image.new(saved, (2, 2)).save(tmp_path / "a.png")
    assert loaded(tmp_path / "a.png").mode == read


def test_files_are_found_inside_lists_and_mappings(tmp_path: Path) -> None:
    Image.new("L", (2, 3)).save(tmp_path / "a.png")
    call = {"images": [{"$file": "a.png"}, {"$file": "a.png"}], "kwargs": {"mask": {"$file": "a.png"}}}
    found = resolved(call, tmp_path / "a.png")
    images = [*found["images"], found["kwargs"]["mask"]]
    assert [image.size for image in images] == [(2, 3)] * 3
    assert len({id(image) for image in images}) == 3


def test_an_npy_is_a_numpy_array_of_its_dtype(tmp_path: Path) -> None:
    array = np.array([[1.5, -0.0]], np.float16)
    np.save(tmp_path / "a.npy", array)
    found = loaded(tmp_path / "a.npy")
    assert found.dtype == np.float16
    assert found.tobytes() == array.tobytes()


def test_a_safetensors_is_a_torch_tensor_of_its_dtype(tmp_path: Path) -> None:
    save_file({"x": torch.ones(2, dtype=torch.bfloat16)}, tmp_path / "one.safetensors")
    found = loaded(tmp_path / "one.safetensors")
    assert (found.dtype, found.tolist()) == (torch.bfloat16, [1.0, 1.0])


def test_of_several_tensors_one_is_named_after_a_hash(tmp_path: Path) -> None:
    file = tmp_path / "two.safetensors"
    save_file({"x": torch.zeros(1), "y": torch.ones(1)}, file)
    assert loaded(file, "#y").tolist() == [1.0]
    for part in ("", "#z"):
        with pytest.raises(Rejection, match=r"^call\.it = 'two.*no such tensor; name one of x, y after '#'"):
            loaded(file, part)


def test_a_wav_is_channels_by_samples(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(struct.pack("<4h", -32768, 0, 16384, -16384))
    found = loaded(tmp_path / "a.wav")
    assert (found.dtype, found.tolist()) == (torch.float32, [[-1.0, 0.5], [0.0, -0.5]])


def test_a_text_is_read_without_its_mark_and_with_line_feeds(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("zwölf\r\nsieben\rdrei\n".encode("utf-8-sig"))
    assert loaded(tmp_path / "a.txt") == "zwölf\nsieben\ndrei\n"


def test_a_gif_is_a_list_of_rgb_frames(tmp_path: Path) -> None:
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    first, *others = (Image.new("RGB", (4, 2), colour) for colour in colours)
    first.save(tmp_path / "a.gif", save_all=True, append_images=others)
    frames = loaded(tmp_path / "a.gif")
    assert [frame.getpixel((0, 0)) for frame in frames] == colours
    assert {(frame.mode, frame.size) for frame in frames} == {("RGB", (4, 2))}


@pytest.mark.parametrize("name", ["a.png", "a.npy", "a.safetensors", "a.wav", "a.gif"])
def test_a_file_that_is_not_what_its_suffix_says_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"something else")
    with pytest.raises(Rejection, match=rf"^call\.it = '{name}': cannot be read as .*; check the file$"):
        loaded(tmp_path / name)


def test_an_array_that_needs_pickle_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([None], object), allow_pickle=True)
    with pytest.raises(Rejection, match="allow_pickle=False"):
        loaded(tmp_path / "a.npy")


def test_the_key_of_a_nested_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(Rejection, match=r"^call\.images\[1\]\.mask = 'a\.png'"):
        resolved({"images": [1, {"mask": {"$file": "a.png"}}]}, tmp_path / "a.png")


def test_keys_that_are_no_text() -> None:
    call = {"thresholds": {"$map": [[0, 0.5], [10, {"$tuple": [1, 2]}], ["0", True], [0.5, None]]}}
    assert resolved(call) == {"thresholds": {0: 0.5, 10: (1, 2), "0": True, 0.5: None}}
