from __future__ import annotations

import numpy as np
import pytest

from harness.pictures.kinds import Kind
from harness.pictures.scale import Scale, scale_of


@pytest.mark.parametrize(
    ("values", "kind", "scale"),
    [
        (np.array([10, 20], np.uint8), Kind.PICTURE, Scale(0, 255, True)),
        (np.array([10, 20], np.uint16), Kind.PICTURE, Scale(0, 65535, True)),
        (np.array([True]), Kind.MASK, Scale(0, 1, True)),
        (np.array([0.2, 0.7], np.float32), Kind.PICTURE, Scale(0, 1, True)),
        (np.array([-0.9, 0.7], np.float32), Kind.NORMALS, Scale(-1, 1, True)),
        (np.array([-3.0, 5.0], np.float32), Kind.PICTURE, Scale(-3, 5, False)),
        (np.array([0.25, 0.75, np.nan, np.inf], np.float32), Kind.LATENTS, Scale(0.25, 0.75, False)),
        (np.array([2.0, 2.0]), Kind.MAP, Scale(1.5, 2.5, False)),
        (np.array([np.nan]), Kind.MAP, Scale(0, 1, False)),
    ],
)
def test_scale(values: np.ndarray, kind: Kind, scale: Scale) -> None:
    assert scale_of(values, kind) == scale


def test_levels_are_not_clipped() -> None:
    found = Scale(0, 1, True).levels(np.array([0, 0.5, 1, 2], np.float32))
    assert found.tolist() == [0, 127.5, 255, 510]


def test_words() -> None:
    assert Scale(0, 1, True).words(1) == "1 grey level"
    assert Scale(0, 1, True).words(0.25) == "0.25 grey levels"
    assert Scale(-2, 2, False).words(255) == "4"
