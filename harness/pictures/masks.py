"""Where an output is NaN, infinite, or outside of what its scale can show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.pictures.colours import BRIGHTER, DARKER, INF, NAN, NOTHING, Pixels
from harness.pictures.scale import LEVELS, Scale

_SLACK = 0.5  # grey levels that rounding may leave the scale by

_COLOURS = {"NaN": NAN, "Inf": INF, "clipped above": BRIGHTER, "clipped below": DARKER}


@dataclass(frozen=True, slots=True)
class Mask:
    """How often one side is NaN, Inf, `clipped above` and `clipped below`, by that name, and where.

    `places` (height, width) holds 0 for none of them, else the place in `counts`, from 1.
    """

    counts: Mapping[str, int]
    places: npt.NDArray[np.uint8]

    def picture(self) -> Pixels:
        """Each kind in its own colour on nearly black."""
        return np.array([NOTHING, *_COLOURS.values()], np.uint8)[self.places]


def mask_of(frame: npt.NDArray[Any], scale: Scale) -> Mask:
    """The mask of a frame (height, width, channels); NaN counts before Inf, Inf before clipping."""
    levels = scale.levels(frame)
    with np.errstate(invalid="ignore"):
        found = {
            "NaN": np.isnan(levels),
            "Inf": np.isinf(levels),
            "clipped above": np.isfinite(levels) & (levels > LEVELS + _SLACK),
            "clipped below": np.isfinite(levels) & (levels < -_SLACK),
        }
    places = np.zeros(frame.shape[:2], np.uint8)
    for number, here in reversed(list(enumerate(found.values(), 1))):
        places[here.any(-1)] = number
    return Mask({name: int(here.sum()) for name, here in found.items()}, places)
