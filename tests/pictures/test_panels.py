"""Pictures side by side, and a contact sheet of many."""

from __future__ import annotations

import numpy as np
import pytest

from harness.pictures.panels import Panel, compared, contact_sheet
from tests.pictures.samples import drawn, one_level, ramp

PAPER = np.array([255, 255, 255], np.uint8)


def flat(height: int, width: int, *colour: int) -> np.ndarray:
    return np.full((height, width, 3), colour, np.uint8)


def found(sheet: np.ndarray, *colour: int) -> tuple[int, int, int, int]:
    """Top, left, height and width of what has exactly this colour."""
    rows, columns = np.nonzero((sheet == np.array(colour, np.uint8)).all(-1))
    return int(rows.min()), int(columns.min()), int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1


def test_golden_run_and_difference_stand_side_by_side_in_one_scale() -> None:
    golden = flat(16, 16, 255, 0, 0)[np.newaxis]
    now = flat(16, 16, 0, 255, 0)[np.newaxis]
    sheet = compared(drawn(golden, now))
    assert sheet is not None
    # 192 // 16 = 12 times as large, 12 pixels apart.
    assert found(sheet, 255, 0, 0) == (12, 12, 192, 192)
    assert found(sheet, 0, 255, 0) == (12, 12 + 192 + 12, 192, 192)
    assert sheet.shape[1] == 12 + 3 * (192 + 12)


def test_the_difference_is_shown_at_the_gain_at_which_it_is_seen() -> None:
    quiet, loud = compared(drawn(ramp(), ramp())), compared(drawn(ramp(), one_level(ramp())))
    assert quiet is not None
    assert loud is not None
    # Without a difference there are two panels, of 160 pixels.
    assert (quiet.shape[1], loud.shape[1]) == (12 + 2 * 172, 12 + 3 * 172)
    third = loud[12 : 12 + 128, 12 + 2 * 172 : 12 + 3 * 172 - 12]
    assert not (third[40, 100] == third[0, 0]).all()


def test_a_sound_is_drawn_at_the_gain_at_which_its_change_is_seen() -> None:
    tone = np.sin(np.arange(16_000) / 20).astype(np.float32)[np.newaxis]
    nearly = tone + np.float32(1e-3)
    one = compared(drawn(tone, nearly, name="audios", pipeline="AudioLDMPipeline"))
    other = compared(drawn(tone, tone + np.float32(0.5), name="audios", pipeline="AudioLDMPipeline"))
    assert one is not None
    assert other is not None
    assert one.shape == other.shape
    # Another caption, and a change that is seen in both.
    assert (one != other).any()


def test_large_pictures_are_reduced_alike() -> None:
    golden, now = flat(1024, 64, 9, 0, 0)[np.newaxis], flat(512, 64, 0, 9, 0)[np.newaxis]
    sheet = compared(drawn(golden, now))
    assert sheet is not None
    assert found(sheet, 9, 0, 0)[2:] == (512, 32)
    assert found(sheet, 0, 9, 0)[2:] == (256, 32)


@pytest.mark.parametrize("values", [np.arange(4.0), np.zeros((2, 2))])
def test_numbers_have_no_picture(values: np.ndarray) -> None:
    assert compared(drawn(values, values)) is None


def test_a_contact_sheet_has_a_cell_for_each() -> None:
    panels = [
        Panel("a", "picture", flat(16, 16, 200, 0, 0)),
        Panel("b", "picture", flat(500, 250, 0, 200, 0)),
        Panel("c", "no picture: text", None),
        Panel("d", "picture", flat(100, 100, 0, 0, 200)),
    ]
    sheet = contact_sheet(panels, columns=2, side=128)
    assert sheet.shape[1] == 12 + 2 * (128 + 12)
    assert found(sheet, 200, 0, 0) == (12, 12, 128, 128)
    # 500 pixels are reduced by four, and stand on the captions' line.
    assert found(sheet, 0, 200, 0) == (12 + 3, 12 + 140, 125, 63)
    top = found(sheet, 0, 0, 200)[0]
    assert top > 12 + 128
    assert (sheet[top - 12 : top, 12:140] == PAPER).all() or top > 180


def test_long_captions_take_more_lines_and_stay_in_their_column() -> None:
    short = contact_sheet([Panel("sd/a", "", None), Panel("b", "", None)])
    long = contact_sheet(
        [Panel("sd/schedulers@scheduler.class=EulerDiscreteScheduler", "", None), Panel("b", "", None)]
    )
    assert long.shape[0] > short.shape[0]
    assert long.shape[1] == short.shape[1]
    gap = long[:, 140:152]
    assert (gap == PAPER).all()


def test_without_a_picture_there_is_no_sheet() -> None:
    with pytest.raises(ValueError, match="no picture"):
        contact_sheet([])
