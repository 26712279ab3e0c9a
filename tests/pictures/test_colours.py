from __future__ import annotations

import numpy as np

from harness.pictures.colours import BRIGHTER, DARKER, INF, NAN, NOTHING, painted, signed


def test_grey_and_colour_stay_as_they_are() -> None:
    assert painted(np.array([[[7.0]]]), heat=False).tolist() == [[[7, 7, 7]]]
    assert painted(np.array([[[1.0, 2, 300]]]), heat=False).tolist() == [[[1, 2, 255]]]


def test_alpha_lies_over_white() -> None:
    assert painted(np.array([[[0.0, 0, 0, 0], [10, 20, 30, 255]]]), heat=False).tolist() == [
        [[255, 255, 255], [10, 20, 30]]
    ]
    assert painted(np.array([[[0.0, 51]]]), heat=False).tolist() == [[[204, 204, 204]]]


def test_heat_goes_from_violet_to_yellow() -> None:
    assert painted(np.array([[[0.0], [255.0]]]), heat=True).tolist() == [[[68, 1, 84], [253, 231, 37]]]
    coloured = painted(np.array([[[10.0, 20, 30]]]), heat=True)  # it has colours already
    assert coloured.tolist() == [[[10, 20, 30]]]


def test_nan_and_inf_have_their_own_colours() -> None:
    found = painted(np.array([[[np.nan], [np.inf], [-np.inf]]]), heat=True)
    assert found.tolist() == [[list(NAN), list(INF), list(INF)]]


def test_signs_and_strength_of_a_change() -> None:
    found = signed(np.array([[0.0, 16, -16, 40, np.nan, 0.01]]), 16)
    expected = [NOTHING, BRIGHTER, DARKER, BRIGHTER, NAN, NOTHING]
    assert found.tolist() == [[list(colour) for colour in expected]]
    half = signed(np.array([[8.0]]), 16)[0, 0]
    assert NOTHING[0] < half[0] < BRIGHTER[0]
