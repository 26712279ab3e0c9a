"""Which switches `repeat` runs a case with; apart from the results, so that the command line loads none of them."""

from __future__ import annotations

from enum import StrEnum


class Flags(StrEnum):
    """Whether the numeric switches of a case are as it asks for, or such that nothing is asked of torch."""

    ON = "on"
    OFF = "off"
