"""Tries again, with growing pauses, what may succeed later."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from harness.notify.channel import NotSent

T = TypeVar("T")

TRIES = 4
FIRST_PAUSE = 2.0
LONGEST_PAUSE = 60.0
"""Seconds; each pause is twice the one before, or what the messenger asked for."""


def retried(what: Callable[[], T], sleep: Callable[[float], None] = time.sleep) -> T:
    """What `what` returns; raises its last NotSent after TRIES, or the first that no further try would help."""
    pause = FIRST_PAUSE
    for _ in range(TRIES - 1):
        try:
            return what()
        except NotSent as error:
            if not error.again:
                raise
            sleep(min(max(pause, error.wait), LONGEST_PAUSE))
            pause *= 2
    return what()
