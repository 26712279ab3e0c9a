from __future__ import annotations

import numpy as np
import pytest

from harness.pictures.colours import BRIGHTER, DARKER, NAN, NOTHING
from harness.pictures.difference import Box, difference
from harness.pictures.scale import Scale

GREYS = Scale(0, 255, True)


def blank(height: int = 60, width: int = 80) -> np.ndarray:
    return np.full((height, width, 3), 100, np.uint8)


def test_one_grey_level_in_one_pixel() -> None:
    now = blank()
    now[7, 9, 2] = 101
    found = difference(blank(), now, GREYS)
    assert (found.pixels, found.largest, found.worst, found.best_gain) == (1, 1, (7, 9), 256)
    assert found.boxes() == (Box(9, 7, 1, 1),)
    assert not found.is_hidden
    strong = found.picture(256)
    assert tuple(strong[7, 9]) == BRIGHTER
    assert (strong.reshape(-1, 3) != NOTHING).any(-1).sum() == 1
    assert tuple(found.picture(1)[7, 9]) == NOTHING
    assert found.legend(16) == "full colour: a change by 16 grey levels or more"


def test_a_reduced_picture_keeps_the_only_pixel() -> None:
    now = blank()
    now[7, 9, 0] = 99
    found = difference(blank(), now, GREYS).pooled(16)
    assert found.change.shape == (4, 5)
    assert found.worst == (0, 0)
    assert tuple(found.picture(256)[0, 0]) == DARKER


def test_the_channel_that_changed_most_decides_the_sign() -> None:
    now = blank()
    now[0, 0] = (102, 95, 100)
    assert difference(blank(), now, GREYS).change[0, 0] == -5


@pytest.mark.parametrize(("before", "after"), [(1.0, np.nan), (np.nan, 1.0), (1.0, np.inf)])
def test_a_new_or_lost_nan_stands_out(before: float, after: float) -> None:
    golden, now = (np.full((4, 4, 1), side, np.float32) for side in (before, before))
    now[1, 2] = after
    if np.isnan(before):
        golden[:] = 1
        golden[1, 2], now[:] = np.nan, 1
    found = difference(golden, now, Scale(0, 1, True))
    assert found.pixels == 1
    assert found.worst == (1, 2)
    assert tuple(found.picture(1)[1, 2]) == NAN


def test_nan_on_both_sides_is_no_change() -> None:
    both = np.full((4, 4, 1), np.nan, np.float32)
    assert difference(both, both.copy(), Scale(0, 1, True)).pixels == 0


def test_a_change_far_below_a_grey_level_is_hidden_but_shown_somewhere() -> None:
    golden = np.full((9, 9, 1), 1.0)
    now = golden.copy()
    now[3, 4] = np.nextafter(1.0, 2)
    found = difference(golden, now, Scale(0, 1, True))
    assert found.is_hidden
    assert found.pixels == 1
    assert tuple(found.anywhere()[3, 4]) == BRIGHTER


def test_separate_places_have_separate_boxes() -> None:
    now = blank(240, 240)
    now[10:14, 20:30] = 0
    now[200, 100] = 0
    assert difference(blank(240, 240), now, GREYS).boxes() == (Box(20, 10, 10, 4), Box(100, 200, 1, 1))


def test_a_change_all_over_needs_no_box() -> None:
    assert difference(blank(), blank() + 1, GREYS).boxes() == ()


@pytest.mark.parametrize(("levels", "gain"), [(200, 1), (64, 1), (63, 16), (4, 16), (3, 256), (1, 256)])
def test_the_best_gain_shows_the_change_at_a_quarter_of_the_full_colour(levels: int, gain: int) -> None:
    now = blank()
    now[7, 9] = 255
    golden = now.copy()
    golden[7, 9] = 255 - levels
    found = difference(golden, now, GREYS)
    assert found.best_gain == gain
    assert found.picture(gain)[7, 9].tolist() != list(NOTHING)


def test_boxes_come_largest_first_and_hold_every_pixel_of_their_place() -> None:
    now = blank(100, 480)
    now[3, 3] = 0
    now[50:54, 215:222] = 0  # across the cells of 20 x 20 pixels
    now[90, 300] = now[90, 470] = 0
    found = difference(blank(100, 480), now, GREYS).boxes()
    assert found[0] == Box(215, 50, 7, 4)
    assert set(found[1:]) == {Box(3, 3, 1, 1), Box(300, 90, 1, 1), Box(470, 90, 1, 1)}


def test_a_change_too_small_for_float32_is_as_small_as_it_can_be() -> None:
    golden = np.zeros((4, 4, 1))
    now = golden.copy()
    now[1, 2] = 1e-60
    found = difference(golden, now, Scale(0, 1, True))
    assert found.pixels == 1
    assert 0 < found.largest < 1e-20
