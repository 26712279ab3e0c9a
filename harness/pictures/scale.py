"""The scale on which an output's numbers are shown: 256 grey levels from `low` to `high`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.pictures.kinds import BY_VALUE, Kind

LEVELS = 255
"""The grey level of `high`; `low` is 0."""

_SLACK = 0.01  # float pictures leave [0, 1] by rounding


@dataclass(frozen=True, slots=True)
class Scale:
    """`low` is shown as level 0, `high` as 255; `greys` says that a level is one of a picture's own grey levels."""

    low: float
    high: float
    greys: bool

    def levels(self, values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """The values in grey levels, not clipped; NaN and Inf stay."""
        return (values.astype(np.float64) - self.low) * (LEVELS / (self.high - self.low))

    def words(self, levels: float) -> str:
        """So many levels in words: `1 grey level` or, where those mean nothing, in the output's own unit."""
        if self.greys:
            return f"{levels:.3g} grey level{'' if levels == 1 else 's'}"
        return f"{levels * (self.high - self.low) / LEVELS:.3g}"


def scale_of(values: npt.NDArray[Any], kind: Kind) -> Scale:
    """The scale for an output of this kind; golden and run share the golden's."""
    if values.dtype.kind == "b":
        return Scale(0.0, 1.0, True)
    if kind in BY_VALUE:
        return _spread(values)
    if values.dtype.kind in "ui":
        return Scale(0.0, float(np.iinfo(values.dtype).max), True)
    low, high = _ends(values)
    if low >= -_SLACK and high <= 1 + _SLACK:
        return Scale(0.0, 1.0, True)
    if low >= -1 - _SLACK and high <= 1 + _SLACK:
        return Scale(-1.0, 1.0, True)
    return _spread(values)


def _spread(values: npt.NDArray[Any]) -> Scale:
    low, high = _ends(values)
    if high <= low:
        low, high = low - 0.5, low + 0.5
    return Scale(low, high, False)


def _ends(values: npt.NDArray[Any]) -> tuple[float, float]:
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
