from __future__ import annotations

import numpy as np

from harness.pictures.colours import BRIGHTER, DARKER, INF, NAN, NOTHING
from harness.pictures.masks import mask_of
from harness.pictures.scale import Scale


def test_counts_and_places() -> None:
    frame = np.array([[np.nan, np.inf, 2, -1, 0.5, 1.001]], np.float32)[..., np.newaxis]
    found = mask_of(frame, Scale(0, 1, True))
    assert found.counts == {"NaN": 1, "Inf": 1, "clipped above": 1, "clipped below": 1}
    expected = [NAN, INF, BRIGHTER, DARKER, NOTHING, NOTHING]
    assert found.picture().tolist() == [[list(colour) for colour in expected]]


def test_nan_in_one_channel_decides_the_pixel() -> None:
    found = mask_of(np.array([[[np.nan, 5.0, 0.5]]]), Scale(0, 1, True))
    assert found.counts["clipped above"] == 1
    assert tuple(found.picture()[0, 0]) == NAN


def test_less_than_half_a_level_outside_is_rounding() -> None:
    frame = np.array([[255.4, 255.6, -0.4, -0.6]])[..., np.newaxis]
    assert mask_of(frame, Scale(0, 255, True)).counts == {
        "NaN": 0,
        "Inf": 0,
        "clipped above": 1,
        "clipped below": 1,
    }
