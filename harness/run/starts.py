"""What is known about starting workers: one that cannot start is tried once, not once for each run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from harness.core.capture import Lost
from harness.run.variables import Variables


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed start.

    `again` is whether a second try may succeed (the worker was killed, perhaps for lack of memory). `interrupted` is
    whether the command itself cancelled it, so that the failure says nothing about later starts.
    """

    lost: Lost
    again: bool = False
    interrupted: bool = False


@dataclass(slots=True)
class _State:
    """What is known about one set of variables."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    began: bool = False
    failure: Lost | None = None


class Starts:
    """Which workers cannot start, by the variables of their process. Thread-safe.

    All runs of a command share one instance: a start that failed once is not tried again for a later run,
    whichever step of the command that run belongs to.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._states: dict[object, _State] = {}

    def attempt(
        self, variables: Variables, start: Callable[[], Failure | None], python: str | None = None
    ) -> Lost | None:
        """Let `start` start a worker for `variables` and `python`; None if it started, otherwise the reason.

        `start` is called once. It is called once more if the worker was killed, or if a worker with these variables
        has started before. Until the first worker has started, others wait for it: they would fail the same way.
        """
        with self._lock:
            state = self._states.setdefault((python, _key(variables)), _State())
        if state.began and state.failure is None:
            return _attempt(state, start)
        with state.lock:
            return state.failure or _attempt(state, start)


def _key(variables: Variables) -> frozenset[tuple[str, str | None]]:
    """The variables that may decide whether a worker starts; the seed of Python's hashes does not."""
    return frozenset((name, value) for name, value in variables.items() if name != "PYTHONHASHSEED")


def _attempt(state: _State, start: Callable[[], Failure | None]) -> Lost | None:
    failure = start()
    if failure is not None and (failure.again or state.began) and not failure.interrupted:
        failure = start()
    if failure is None:
        state.began = True
        return None
    if not failure.interrupted:
        state.failure = failure.lost
    return failure.lost
