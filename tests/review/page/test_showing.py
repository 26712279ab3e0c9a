from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from harness.pictures.colours import BRIGHTER
from harness.pictures.drawing import drawing_of
from harness.pictures.kinds import Asked
from harness.report.page.shown import Picture, Row, Spot
from harness.review.page.showing import saved_beside, shown
from tests.pictures.samples import drawn, one_level, ramp, text
from tests.support.reviews import chirp, picture, video


def pixels(found: Picture | None) -> np.ndarray:
    assert found is not None
    return np.asarray(Image.open(io.BytesIO(found.content)).convert("RGB"))


def test_small_pictures_are_exact() -> None:
    found = shown(drawn(ramp(), one_level(ramp())), 300_000)
    assert found.reduced == 1
    assert (pixels(found.now) == one_level(ramp())[0]).all()
    assert [one.name for one in found.changes] == ["x1", "x16", "x256", "anywhere"]
    assert found.changes[found.best].name == "x256"
    assert found.spots == (Spot(62.5, 31.25, 0.62, 0.78),)
    assert found.enlarged is not None


def test_one_pixel_of_a_large_picture_can_still_be_seen() -> None:
    large = ramp(160, 215).repeat(6, 1).repeat(6, 2)
    found = shown(drawn(large, one_level(large, 700, 900)), 300_000)
    assert found.reduced == 5
    assert found.now is not None
    assert max(found.now.width, found.now.height) <= 320
    strong = pixels(found.changes[2].picture)
    assert tuple(strong[140, 180]) == BRIGHTER
    assert found.spots


def test_pictures_shrink_until_they_fit() -> None:
    rng = np.random.default_rng(0)
    golden = rng.integers(0, 256, (1, 512, 512, 3), np.uint8)
    now = rng.integers(0, 256, (1, 512, 512, 3), np.uint8)
    roomy, tight = (shown(drawn(golden, now), budget) for budget in (600_000, 60_000))
    assert roomy.reduced < tight.reduced
    assert tight.size <= 60_000


def test_a_film_has_a_sheet_of_each_side() -> None:
    film = video()
    found = shown(drawn(film, film[:, ::-1], "frames"), 200_000).film
    assert found is not None
    assert (found.frames, found.columns, found.width) == (tuple(range(16)), 4, 64)
    assert pixels(found.golden).shape == pixels(found.now).shape == (256, 256, 3)
    assert len(found.bars) == 16
    assert found.bars[found.worst] == 1


def test_a_sound_can_be_played() -> None:
    found = shown(drawn(chirp(), chirp(), "audios"), 200_000)
    assert found.reduced == 1
    assert found.clips is not None
    assert found.clips.golden.startswith("data:audio/wav;base64,")
    assert found.clips.words == ""
    long = np.zeros((1, 400_000), np.float32)
    now = long.copy()
    now[0, 320_000] = 1
    clips = shown(drawn(long, now, "audios"), 400_000).clips
    assert clips is not None
    assert clips.words == "from 18.5 s to 21.5 s"


def test_masks_are_shown_if_they_differ() -> None:
    golden = np.zeros((1, 4, 8, 8), np.float32)
    now = golden.copy()
    now[0, 0, 0, 0] = np.inf
    found = shown(drawn(golden, now, output_type="latent"), 100_000).masks
    assert found is not None
    assert found.words == "Inf: 0 -> 1"
    assert shown(drawn(now, now, output_type="latent"), 100_000).masks is None


def test_texts_and_numbers_need_no_picture() -> None:
    found = shown(drawing_of("text", text("a b"), text("a c"), Asked()), 100)
    assert [piece.side for piece in found.pieces] == ["both", "golden", "now"]
    flags = shown(drawn(np.array([True, False]), np.array([True, True]), "nsfw"), 100)
    assert flags.rows == (Row("[0]", "1", "1", False), Row("[1]", "0", "1", True))
    assert shown(drawn(np.float32(0.1), None, "x"), 100).rows == (Row("value", "0.100000001", "-", True),)


def test_whole_pictures_are_beside_the_page(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    files = saved_beside(drawn(picture(), one_level(picture())), tmp_path / "report-pictures/a/b", page)
    assert [(one.label, one.path) for one in files] == [
        (f"{name}.png", f"report-pictures/a/b/images-{name}.png") for name in ("golden", "now", "x256")
    ]
    assert all((tmp_path / one.path).is_file() for one in files)


def test_what_is_beside_the_pictures_has_a_budget_too() -> None:
    film = np.random.default_rng(0).random((1, 16, 64, 64, 3)).astype(np.float32)
    found = shown(drawn(film, film[:, ::-1], "frames"), 20_000)
    assert found.film is not None
    assert found.film.golden is not None
    assert found.film.golden.media == "image/webp"
    noise = np.random.default_rng(0).normal(size=(1, 100_000)).astype(np.float32)
    clips = shown(drawn(noise, -noise, "audios"), 20_000).clips
    assert clips is not None
    assert len(clips.golden) < 10_000
