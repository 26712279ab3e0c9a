"""What is known of starting workers: a worker that cannot begin is tried once, not once for each run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from harness.core.capture import Lost
from harness.run.variables import Variables


@dataclass(frozen=True, slots=True)
class Failure:
    """A start that came to nothing.

    `again` is whether a second try may well go better (a kill, for want of memory); `interrupted` that nothing
    is to be learnt from it, because the command itself ended it.
    """

    lost: Lost
    again: bool = False
    interrupted: bool = False


@dataclass(slots=True)
class _State:
    """What is known of one set of variables."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    began: bool = False
    failure: Lost | None = None


class Starts:
    """Which workers cannot begin, by the variables of their process. Thread-safe.

    All runs of one command share one of these: what stopped a worker once is not tried again for the next run,
    in whichever step of the command that comes.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._states: dict[object, _State] = {}

    def attempt(
        self, variables: Variables, start: Callable[[], Failure | None], python: str | None = None
    ) -> Lost | None:
        """Have `start` bring up a worker for `variables` and `python`; None when it began, else why no worker does.

        `start` is called once. Where that was a kill, or a worker with these variables has begun before, it is
        called once more. Until the first has begun, others wait for it: they would meet the same.
        """
        with self._lock:
            state = self._states.setdefault((python, _key(variables)), _State())
        if state.began and state.failure is None:
            return _attempt(state, start)
        with state.lock:
            return state.failure or _attempt(state, start)


def _key(variables: Variables) -> frozenset[tuple[str, str | None]]:
    """The variables that may decide whether a worker begins: the seed of Python's hashes does not."""
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
