from __future__ import annotations

import math

import numpy as np
import pytest

from harness.pictures.colours import NOTHING
from harness.pictures.film import DEFAULT_FPS, film_of, sheet
from harness.pictures.layout import Frames
from harness.pictures.scale import Scale

GREYS = Scale(0, 255, True)


def frames(count: int = 5, side: int = 4) -> Frames:
    values = np.stack([np.full((side, side, 3), 10 * place % 250, np.uint8) for place in range(count)])
    return Frames(values, (side, side))


def changed(values: np.ndarray) -> Frames:
    return Frames(values, (4, 4))


def test_frames_that_changed_places() -> None:
    now = frames().values[[0, 1, 3, 2, 4]]
    found = film_of(frames(), changed(now), GREYS, {})
    assert found.moved == ((2, 3), (3, 2))
    assert found.errors == (0, 0, 10, 10, 0)
    assert found.worst == 2


def test_the_worst_frame() -> None:
    now = frames().values.copy()
    now[1] += 2
    now[3, 0, 0, 0] += 7
    found = film_of(frames(), changed(now), GREYS, {"fps": 24})
    assert (found.errors, found.moved, found.worst, found.fps) == ((0, 2, 0, 7, 0), (), 3, 24)


def test_a_new_nan_is_the_worst() -> None:
    golden = Frames(np.ones((2, 4, 4, 3), np.float32), (4, 4))
    now = golden.values.copy()
    now[1, 0, 0, 0] = np.nan
    assert film_of(golden, changed(now), Scale(0, 1, True), {}).errors == (0, math.inf)


@pytest.mark.parametrize("other", [None, frames(side=6)])
def test_nothing_to_compare(other: Frames | None) -> None:
    found = film_of(frames(), other, GREYS, {"fps": "fast"})
    assert (found.errors, found.worst, found.fps, found.count) == ((), 0, DEFAULT_FPS, 5)


def test_a_missing_frame() -> None:
    found = film_of(frames(5), frames(3), GREYS, {})
    assert found.frame(found.now, 4) is None
    assert found.frame(found.golden, 4) is not None
    assert len(list(found.playing(frames(3)))) == 3


def test_long_films_keep_their_worst_frame_on_the_sheet() -> None:
    now = frames(60).values.copy() % 200
    golden = changed(now.copy())
    now[41] += 1
    found = film_of(golden, changed(now), GREYS, {})
    assert 41 in found.on_sheet()
    assert len(found.on_sheet()) <= 16
    assert film_of(frames(3), frames(3), GREYS, {}).on_sheet() == (0, 1, 2)


def test_sheet_leaves_absent_frames_dark() -> None:
    white = np.full((2, 2, 3), 255, np.uint8)
    found = sheet([white, None, white], 2)
    assert found.shape == (4, 4, 3)
    assert found[0, 2].tolist() == list(NOTHING)
    assert found[2, 0].tolist() == [255, 255, 255]
    with pytest.raises(ValueError, match="no frame"):
        sheet([None], 1)


def test_frames_of_a_shorter_film_did_not_change_places() -> None:
    found = film_of(frames(4), changed(frames(4).values[[1, 0, 2]]), GREYS, {})
    assert (found.errors, found.moved) == ((10, 10, 0), ())


def test_a_sheet_shows_its_frames_in_order() -> None:
    now = frames(300).values.copy()
    now[257] += 5
    shown = film_of(frames(300), changed(now), GREYS, {}).on_sheet()
    assert list(shown) == sorted(shown)
    assert (shown[0], shown[-1], len(shown)) == (0, 299, 16)


def test_frames_of_one_channel_are_grey() -> None:
    grey = Frames(np.full((1, 2, 2, 1), 90, np.uint8), (2, 2))
    found = film_of(grey, grey, GREYS, {})
    frame = found.frame(grey, 0)
    assert frame is not None
    assert frame[0, 0].tolist() == next(iter(found.playing(grey)))[0, 0].tolist() == [90, 90, 90]
