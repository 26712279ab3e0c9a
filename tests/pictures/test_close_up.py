from __future__ import annotations

import numpy as np

from harness.pictures.close_up import SIDE, close_up_of
from harness.pictures.colours import BRIGHTER
from tests.pictures.samples import drawn, one_level, ramp


def test_the_changed_pixel_is_in_the_middle() -> None:
    found = close_up_of(drawn(ramp(), one_level(ramp())))
    assert found is not None
    assert found.where == "row 40, column 100: (80, 140, 160) -> (80, 141, 160)"
    assert found.golden.shape == found.change.shape == (SIDE, SIDE, 3)
    assert tuple(found.change[24, 24]) == BRIGHTER
    assert found.golden[24, 24].tolist() == [80, 140, 160]
    assert found.legend == "x256: full colour: a change by 1 grey level or more"


def test_at_the_edge_it_stays_inside() -> None:
    found = close_up_of(drawn(ramp(), one_level(ramp(), 127, 0)))
    assert found is not None
    assert tuple(found.change[SIDE - 1, 0]) == BRIGHTER


def test_small_or_equal_pictures_have_none() -> None:
    small = ramp(32, 32)
    assert close_up_of(drawn(small, one_level(small, 3, 3))) is None
    assert close_up_of(drawn(ramp(), ramp())) is None
    assert close_up_of(drawn(ramp(96, 96), one_level(ramp(96, 96), 3, 3))) is None
    assert close_up_of(drawn(ramp(97, 60), one_level(ramp(97, 60), 3, 3))) is not None


def test_frame_is_named() -> None:
    golden = np.repeat(ramp(), 3, axis=0)
    now = golden.copy()
    now[1, 5, 6] = 0
    found = close_up_of(drawn(golden, now, "frames"))
    assert found is not None
    assert found.where.startswith("row 5, column 6 of frame 1: ")


def test_samples_around_the_change() -> None:
    golden = np.zeros((1, 16000))
    now = golden.copy()
    now[0, 8000] = 0.25
    found = close_up_of(drawn(golden, now, "audios"))
    assert found is not None
    assert found.where == "samples 7952 to 8048, at 0.497 s"
    assert found.legend == "edge of the waveforms: 0.25; of the difference: 0.25"
    assert (found.now != found.golden).any()
