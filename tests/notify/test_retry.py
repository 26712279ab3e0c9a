from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.notify.channel import NotSent
from harness.notify.retry import retried


def failing(*errors: NotSent) -> tuple[Callable[[], str], list[int]]:
    """Raises these, one a call, and then returns; and how often it was called."""
    left, calls = list(errors), [0]

    def call() -> str:
        calls[0] += 1
        if left:
            raise left.pop(0)
        return "done"

    return call, calls


def test_pauses_double_and_the_server_may_ask_for_longer_ones() -> None:
    pauses: list[float] = []
    busy = NotSent("busy", again=True)
    call, calls = failing(
        busy, NotSent("busy", again=True, wait=17.0), NotSent("busy", again=True, wait=900.0)
    )
    assert retried(call, pauses.append) == "done"
    assert (calls, pauses) == ([4], [2.0, 17.0, 60.0])


def test_four_tries_are_enough() -> None:
    pauses: list[float] = []
    call, calls = failing(*(NotSent(f"busy {place}", again=True) for place in range(9)))
    with pytest.raises(NotSent, match="busy 3"):
        retried(call, pauses.append)
    assert (calls, pauses) == ([4], [2.0, 4.0, 8.0])


def test_what_no_try_can_mend_is_raised_at_once() -> None:
    call, calls = failing(NotSent("no such repository"))
    with pytest.raises(NotSent, match="no such repository"):
        retried(call, lambda _: None)
    assert calls == [1]
