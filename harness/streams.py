"""Standard streams that may be closed, broken or full; writing to them never ends a command."""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TextIO

STDOUT, STDERR = 1, 2

_READER_LEFT = (errno.EPIPE, errno.ECONNRESET, errno.EIO)
"""The reader of the stream left on purpose: `| head`, a closed terminal."""

_CLOSED = errno.EBADF


class Tolerant(io.RawIOBase):
    """Writes to a descriptor until that fails, then discards everything; `failure` keeps the first error."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self.failure: OSError | None = None

    def writable(self) -> bool:
        """Whether the stream is writable: always true."""
        return True

    def fileno(self) -> int:
        """The descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Whether the descriptor is a terminal."""
        return os.isatty(self._descriptor)

    def write(self, data: Any) -> int:
        """The number of bytes taken; after a failure, all of them."""
        content = memoryview(data).cast("B")
        done = 0
        while self.failure is None and done < content.nbytes:
            try:
                done += os.write(self._descriptor, content[done:])
            except BlockingIOError:  # the pipe is non-blocking and currently full
                select.select([], [self._descriptor], [])
            except OSError as error:
                self.failure = error
        return content.nbytes


@dataclass(frozen=True, slots=True)
class Output:
    """The state of standard output: whether it was open at the start, and whether writing to it failed."""

    raw: Tolerant
    closed: bool

    def problem(self, *, asked: bool) -> str | None:
        """Why standard output did not take all of the output, as a sentence; None if that is no error.

        A reader that left did so on purpose, and a user who closes the stream wants no output, unless the output
        was `asked` for explicitly.
        """
        failure = OSError(_CLOSED, "it is closed") if self.closed else self.raw.failure
        if failure is None or failure.errno in _READER_LEFT:
            return None
        if asked:
            step = "name a file with --json FILE, or send standard output elsewhere"
            return f"standard output: the JSON could not be written ({failure.strerror}); {step}"
        if failure.errno == _CLOSED:
            return None
        return (
            f"standard output: cannot be written ({failure.strerror}); free the space, or send it elsewhere"
        )


@contextmanager
def guarded() -> Iterator[Output]:
    """While open, `sys.stdout` and `sys.stderr` take everything and raise nothing.

    Closed descriptors among 0, 1 and 2 are first opened on the null device: otherwise the next file opened would
    get their number, and with it the output meant for the stream. Streams that replace the process's own are
    left alone.
    """
    closed = _fill_closed()
    before = sys.stdout, sys.stderr
    out, err = Tolerant(STDOUT), Tolerant(STDERR)
    if before[0] is sys.__stdout__:
        sys.stdout = tolerant_text(out, before[0])
    if before[1] is sys.__stderr__:
        sys.stderr = tolerant_text(err, before[1])
    try:
        yield Output(out, STDOUT in closed)
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        sys.stdout, sys.stderr = before


def tolerant_text(raw: Tolerant, like: TextIO | None) -> TextIO:
    """A text stream over `raw` with the encoding and buffering of `like`, which is None if it was closed."""
    plain: Any = raw
    if not isinstance(like, io.TextIOWrapper):
        return io.TextIOWrapper(io.BufferedWriter(plain), encoding="utf-8", errors="backslashreplace")
    with suppress(OSError, ValueError):
        like.flush()
    return io.TextIOWrapper(
        # Unbuffered, as in Python itself: what is printed before a crash is not lost in a buffer.
        plain if like.write_through else io.BufferedWriter(plain),
        encoding=like.encoding,
        errors=like.errors,
        line_buffering=like.line_buffering or raw.isatty(),
        write_through=like.write_through,
    )


def _fill_closed() -> frozenset[int]:
    """Open the closed ones of 0, 1 and 2 on the null device; returns which were closed."""
    closed = set[int]()
    for number in (0, STDOUT, STDERR):
        try:
            os.fstat(number)
        except OSError:
            # The system takes the lowest free number, which is this one.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
            closed.add(number)
    return frozenset(closed)
