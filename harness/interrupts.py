"""Signals that end a command: at once if there is nothing to clean up, otherwise by an exception."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

_NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_ONE_GESTURE_SECONDS = 1.0
"""`timeout` signals a process and then its group, and people press Ctrl-C twice: within this time, that counts once."""

_SHOW_CURSOR = b"\x1b[?25h"


class _Watch:
    """What the handler knows: whether a cleanup is running, since when (seconds), and the groups to kill first."""

    cleaning = False
    first: float | None = None
    groups: set[int] = set()  # noqa: RUF012 - there is only one watch, and it is never copied


@contextmanager
def answered() -> Iterator[None]:
    """While open, SIGINT, SIGTERM and SIGHUP end the process with one sentence and 128 + their number.

    Signals that the caller ignores stay ignored. Outside the main thread, nothing changes.
    """
    before = install()
    try:
        yield
    finally:
        _Watch.first = None
        for number, handler in before.items():
            signal.signal(number, handler)


def install() -> dict[int, signal.Handlers]:
    """Install the handlers permanently; returns the previous ones."""
    before = dict[int, signal.Handlers]()
    for number in _NUMBERS:
        handler = signal.getsignal(number)
        # A handler not set from Python cannot be restored, and an ignored signal is ignored on purpose.
        if handler is None or handler is signal.SIG_IGN:
            continue
        with suppress(ValueError):
            signal.signal(number, _answer)
            before[number] = handler  # type: ignore[assignment]
    return before


@contextmanager
def gently() -> Iterator[None]:
    """While open, the first signal raises in the main thread, so that running work is cleaned up.

    SIGINT raises KeyboardInterrupt, the others Terminated. A later signal does not wait for the
    cleanup: it kills the process groups registered by `kill_on_exit` and ends the process.
    """
    _Watch.cleaning, _Watch.first = True, None
    try:
        yield
    finally:
        _Watch.cleaning = False


def kill_on_exit(group: int) -> None:
    """Kill this process group if the process ends without a cleanup."""
    _Watch.groups.add(group)


def killed(group: int) -> None:
    """The process group has ended; its number may soon be reused."""
    _Watch.groups.discard(group)


def _answer(number: int, _frame: FrameType | None) -> None:
    now = time.monotonic()
    if _Watch.first is not None and now - _Watch.first < _ONE_GESTURE_SECONDS:
        return
    if not _Watch.cleaning or _Watch.first is not None:
        _leave(number)
    _Watch.first = now
    raise _interruption(number)


def _interruption(number: int) -> KeyboardInterrupt:
    from harness.errors import Terminated  # imported late: the handler is installed before other imports

    return KeyboardInterrupt() if number == signal.SIGINT else Terminated(number)


def _leave(number: int) -> None:
    for group in tuple(_Watch.groups):
        with suppress(OSError):
            os.killpg(group, signal.SIGKILL)
    with suppress(OSError):
        if _Watch.cleaning and os.isatty(1):
            os.write(1, _SHOW_CURSOR)
    with suppress(OSError):
        word = "interrupted" if number == signal.SIGINT else "terminated"
        os.write(2, f"error: {word}\n".encode())
    os._exit(128 + number)
