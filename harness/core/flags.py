"""Which switches `repeat` runs a case with; apart from the results, so that the command line loads none of them."""

from __future__ import annotations

from enum import StrEnum


class Flags(StrEnum):
    """Whether the numeric switches are as the case asks, or all off so that nothing is asked of torch."""

    ON = "on"
    OFF = "off"
