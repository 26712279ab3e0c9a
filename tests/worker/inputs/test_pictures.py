from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from diffusers.utils import load_image
from PIL import Image

from harness.worker.inputs.pictures import frames, lost, picture

PIXELS = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3) * 10
ORIENTATION = 0x0112


def oriented(path: Path, orientation: int, mode: str = "RGB") -> Path:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    options = {"quality": 95, "subsampling": 0} if path.suffix in (".jpg", ".jpeg") else {}
    options |= {"lossless": True} if path.suffix == ".webp" else {}
    Image.fromarray(PIXELS).convert(mode).save(path, exif=exif, **options)
    return path


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".png", ".webp", ".tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_as_diffusers_turns_them(tmp_path: Path, suffix: str, orientation: int) -> None:
    path = oriented(tmp_path / f"a{suffix}", orientation)
    found = picture(path)
    assert found.size == ((3, 2) if orientation < 5 else (2, 3))
    assert np.array_equal(np.asarray(found), np.asarray(load_image(str(path))))


@pytest.mark.parametrize("mode", ["L", "I;16"])
def test_masks_and_depth_are_turned_and_keep_their_mode(tmp_path: Path, mode: str) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    upright = np.arange(6).reshape(2, 3).astype(np.uint8 if mode == "L" else np.uint16)
    Image.fromarray(upright).save(tmp_path / "a.png", exif=exif)
    found = picture(tmp_path / "a.png")
    assert found.mode == mode
    # 6: the top row of the file is the right column of the picture.
    assert np.asarray(found).tolist() == [[3, 0], [4, 1], [5, 2]]


def test_a_turned_picture_tells_nothing_of_its_turn_any_more(tmp_path: Path) -> None:
    found = picture(oriented(tmp_path / "a.jpg", 3))
    assert ORIENTATION not in found.getexif()


ALPHA = np.array([[0, 255, 0], [255, 255, 0]], np.uint8)


def with_alpha(colours: np.ndarray, alpha: np.ndarray = ALPHA) -> Image.Image:
    return Image.fromarray(np.dstack([colours, alpha]))


def palette(*colours: tuple[int, int, int], transparency: bytes) -> Image.Image:
    image = Image.new("P", (2, 1))
    image.putpalette([value for colour in colours for value in colour])
    image.putdata([0, 1])
    image.info["transparency"] = transparency
    return image


FLAT = np.full((2, 3, 3), 7, np.uint8)
DROPPED = (
    "a.png: the alpha channel is dropped, and the remaining colours are constant; save the alpha channel as a grey "
    "image, or composite it onto a background"
)


@pytest.mark.parametrize(
    ("image", "told"),
    [
        (with_alpha(FLAT), True),
        (with_alpha(FLAT[:, :, :1]), True),
        (palette((1, 2, 3), (1, 2, 3), transparency=b"\x00\xff"), True),
        (with_alpha(PIXELS), False),
        (with_alpha(FLAT, np.full_like(ALPHA, 9)), False),
        (palette((1, 2, 3), (3, 2, 1), transparency=b"\x00\xff"), False),
        (Image.fromarray(FLAT), False),
        (Image.new("L", (2, 2), 3), False),
    ],
)
def test_a_picture_of_which_only_the_alpha_channel_shows_something(
    tmp_path: Path, image: Image.Image, told: bool
) -> None:
    path = tmp_path / "a.png"
    image.save(path)
    assert lost([("a.png", path)]) == ((DROPPED,) if told else ())


def test_an_animation_of_which_only_the_transparency_shows_something(tmp_path: Path) -> None:
    one, other = (palette((9, 9, 9), (9, 9, 9), transparency=value) for value in (b"\xff\x00", b"\x00\xff"))
    one.save(tmp_path / "a.gif", save_all=True, append_images=[other], disposal=2, transparency=1)
    assert len(frames(tmp_path / "a.gif")) >= 1
    assert [text.partition(",")[0] for text in lost([("a.gif", tmp_path / "a.gif")])] == [
        "a.gif: the alpha channel is dropped"
    ]


def test_a_picture_with_more_than_one_page_says_that_one_is_used(tmp_path: Path) -> None:
    pages = [Image.new("RGB", (2, 2), colour) for colour in ((0, 0, 0), (255, 255, 255))]
    for name in ("a.tif", "a.webp"):
        pages[0].save(tmp_path / name, save_all=True, append_images=pages[1:])
        told = f"{name}: has 2 images, and only the first is used; save the others as separate files"
        assert lost([(name, tmp_path / name)]) == (told,)


def test_other_files_are_passed_over(tmp_path: Path) -> None:
    assert lost([("a.wav", tmp_path / "a.wav"), ("b.txt", tmp_path / "b.txt")]) == ()
