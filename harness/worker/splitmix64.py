"""SplitMix64, a counter hashed by 64-bit integer arithmetic, whose bits depend on nothing but the counter."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

GAMMA = np.uint64(0x9E3779B97F4A7C15)
"""The increment of the state: the golden ratio of 2**64, made odd."""


def finalized(state: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The random number of each state.

    Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
    """
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
