"""A start that came to nothing is not tried again, unless a second try may well go better."""

from __future__ import annotations

import threading

import pytest

from harness.core.capture import Lost
from harness.core.results.next_step import advice
from harness.run.starts import Failure, Starts

LOST = Lost("torch cannot be imported here", next_steps=advice("fix it"))
BROKEN, KILLED, INTERRUPTED = Failure(LOST), Failure(LOST, again=True), Failure(LOST, interrupted=True)


class Script:
    """A start with the given results, one after the other; a further one would be an error."""

    def __init__(self, *results: Failure | None) -> None:
        self._left = list(results)

    def __call__(self) -> Failure | None:
        return self._left.pop(0)

    def done(self) -> bool:
        return not self._left


@pytest.mark.parametrize(
    ("results", "outcome"),
    [
        ([None], None),
        ([BROKEN], LOST),
        ([KILLED, KILLED], LOST),
        ([KILLED, BROKEN], LOST),
        ([KILLED, None], None),
        ([INTERRUPTED], LOST),
    ],
)
def test_how_often_one_is_tried(results: list[Failure | None], outcome: Lost | None) -> None:
    script = Script(*results)
    assert Starts().attempt({"A": "1"}, script) == outcome
    assert script.done()


def test_what_failed_is_known_for_these_variables_alone() -> None:
    starts = Starts()
    assert starts.attempt({"A": "1", "B": None}, Script(BROKEN)) == LOST
    assert starts.attempt({"B": None, "A": "1"}, Script()) == LOST
    other = Script(None)
    assert starts.attempt({"A": "2", "B": None}, other) is None
    assert other.done()


def test_an_interruption_teaches_nothing() -> None:
    starts = Starts()
    starts.attempt({}, Script(INTERRUPTED))
    assert starts.attempt({}, Script(None)) is None


def test_where_one_began_before_a_failure_gets_a_second_try() -> None:
    starts = Starts()
    starts.attempt({}, Script(None))
    again = Script(BROKEN, None)
    assert starts.attempt({}, again) is None
    assert again.done()
    assert starts.attempt({}, Script(BROKEN, BROKEN)) == LOST
    assert starts.attempt({}, Script()) == LOST


def test_those_that_come_meanwhile_wait_and_learn_from_the_first() -> None:
    starts, trying, outcomes = Starts(), threading.Event(), []
    may_end = threading.Event()

    def slow() -> Failure:
        trying.set()
        may_end.wait(60)
        return BROKEN

    first = threading.Thread(target=lambda: outcomes.append(starts.attempt({}, slow)))
    first.start()
    assert trying.wait(60)
    second = threading.Thread(target=lambda: outcomes.append(starts.attempt({}, Script())))
    second.start()
    may_end.set()
    for thread in (first, second):
        thread.join(60)
    assert outcomes == [LOST, LOST]
