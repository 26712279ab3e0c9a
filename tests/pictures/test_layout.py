from __future__ import annotations

import numpy as np
import pytest

from harness.pictures.kinds import Kind
from harness.pictures.layout import MOST_PLANES, frames_of


@pytest.mark.parametrize(
    ("shape", "kind", "expected", "tiles"),
    [
        ((8, 6), Kind.PICTURE, (1, 8, 6, 1), 1),
        ((8, 6, 3), Kind.PICTURE, (1, 8, 6, 3), 1),
        ((3, 8, 6), Kind.PICTURE, (1, 8, 6, 3), 1),
        ((2, 8, 6), Kind.PICTURE, (1, 8, 13, 1), 2),
        ((1, 8, 6, 4), Kind.PICTURE, (1, 8, 6, 4), 1),
        ((4, 8, 8, 3), Kind.PICTURE, (1, 17, 17, 3), 4),
        ((2, 3, 8, 6), Kind.PICTURE, (1, 8, 13, 3), 2),
        ((1, 4, 8, 8), Kind.LATENTS, (1, 17, 17, 1), 4),
        ((1, 16, 5, 8, 8), Kind.LATENTS, (1, 71, 71, 1), MOST_PLANES),
        ((1, 16, 4), Kind.LATENTS, (1, 9, 9, 1), 4),
        ((7, 8, 6, 3), Kind.VIDEO, (7, 8, 6, 3), 1),
        ((1, 7, 8, 6, 3), Kind.VIDEO, (7, 8, 6, 3), 1),
        ((1, 7, 3, 8, 6), Kind.VIDEO, (7, 8, 6, 3), 1),
        ((1, 3, 7, 8, 6), Kind.VIDEO, (7, 8, 6, 3), 1),
        ((2, 7, 8, 6, 3), Kind.VIDEO, (7, 8, 13, 3), 2),
        ((5, 9), Kind.MAP, (1, 5, 9, 1), 1),
        ((2, 5, 9), Kind.MAP, (1, 10, 9, 1), 1),
        ((10,), Kind.MAP, (1, 3, 4, 1), 1),
    ],
)
def test_shape_of_the_frames(
    shape: tuple[int, ...], kind: Kind, expected: tuple[int, ...], tiles: int
) -> None:
    found = frames_of(np.zeros(shape, np.float32), kind)
    assert (found.values.shape, found.tiles) == (expected, tiles)
    if tiles == 1:
        assert found.tile == expected[1:3]


def test_channels_lie_beside_each_other_with_a_gap() -> None:
    values = np.arange(1, 9).reshape(1, 2, 2, 2)
    found = frames_of(values, Kind.LATENTS)
    assert found.values[0, :, :, 0].tolist() == [[1, 2, 0, 5, 6], [3, 4, 0, 7, 8]]
    rows, columns = found.gaps()
    assert found.values[0, rows].size == 0
    assert found.values[0, :, columns].sum() == 0


def test_packed_tokens_are_laid_out_as_their_square() -> None:
    tokens = np.array([[[1, 10], [2, 20], [3, 30], [4, 40]]])
    assert frames_of(tokens, Kind.LATENTS).values[0, :, :2, 0].tolist() == [[1, 2], [3, 4]]
