from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.errors import UsageError
from harness.pictures.drawing import drawing_of
from harness.pictures.kinds import Asked
from harness.pictures.saving import save_drawing
from tests.pictures.samples import drawn, one_level, ramp, text


def test_pictures_are_whole(tmp_path: Path) -> None:
    paths = save_drawing(drawn(ramp(), one_level(ramp())), tmp_path)
    assert [path.name for path in paths] == [
        "images-golden.png",
        "images-now.png",
        "images-x1.png",
        "images-x16.png",
        "images-x256.png",
        "images-anywhere.png",
    ]
    assert (np.asarray(Image.open(tmp_path / "images-now.png")) == one_level(ramp())[0]).all()


def test_films_are_gifs_without_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    frames = np.stack([np.full((8, 8, 3), place, np.uint8) for place in range(130)])
    paths = save_drawing(drawn(frames, None, "frames"), tmp_path)
    assert [path.name for path in paths] == ["frames-golden.png", "frames-golden.gif"]
    with Image.open(paths[1]) as film:
        assert film.n_frames == 44  # every third of 130


def test_sounds_and_texts(tmp_path: Path) -> None:
    sounds = save_drawing(drawn(np.zeros((1, 2000)), np.zeros((1, 2000)), "audios"), tmp_path)
    assert [path.name for path in sounds if path.suffix == ".wav"] == ["audios-golden.wav", "audios-now.wav"]
    texts = save_drawing(drawing_of("a/b", text("old"), text("new"), Asked()), tmp_path)
    assert {path.name: path.read_text() for path in texts} == {"a_b-golden.txt": "old", "a_b-now.txt": "new"}


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="file"):
        save_drawing(drawn(ramp(), None), tmp_path / "file")
