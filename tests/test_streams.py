"""Streams that take everything: to the end, to a reader that is slow, to nobody."""

from __future__ import annotations

import errno
import os
import threading

import pytest

from harness.streams import Output, Tolerant


def test_everything_reaches_a_slow_reader_of_a_pipe_that_does_not_block() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    content, read = bytes(range(256)) * 4096, bytearray()  # 1 MiB, more than a pipe holds

    def reader() -> None:
        while piece := os.read(reading, 4096):
            read.extend(piece)

    thread = threading.Thread(target=reader)
    thread.start()
    raw = Tolerant(writing)
    assert raw.write(content) == len(content)
    os.close(writing)
    thread.join()
    os.close(reading)
    assert raw.failure is None
    assert bytes(read) == content


def test_after_a_failure_everything_is_taken_and_the_first_error_is_kept() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    raw = Tolerant(writing)
    assert raw.write(b"one") == 3
    os.close(writing)
    assert raw.write(b"three") == 5
    assert raw.failure is not None
    assert raw.failure.errno == errno.EPIPE


def met(number: int | None, *, closed: bool = False, asked: bool = False) -> str | None:
    raw = Tolerant(1)
    raw.failure = None if number is None else OSError(number, os.strerror(number))
    return Output(raw, closed).problem(asked=asked)


def test_only_what_was_wanted_and_not_delivered_is_a_problem() -> None:
    for asked in (False, True):
        assert met(None, asked=asked) is None
        assert met(errno.EPIPE, asked=asked) is None
        assert met(errno.EIO, asked=asked) is None, "the terminal was closed"
    assert met(errno.EBADF) is None
    assert met(None, closed=True) is None


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_one(number: int) -> None:
    assert met(number) == (
        f"standard output: cannot be written ({os.strerror(number)}); free the space, or send it elsewhere"
    )


def test_json_on_a_closed_stream_is_one() -> None:
    step = "name a file with --json FILE, or send standard output elsewhere"
    expected = f"standard output: the JSON could not be written (it is closed); {step}"
    assert met(None, closed=True, asked=True) == expected
    assert met(errno.EBADF, asked=True) == expected.replace("it is closed", os.strerror(errno.EBADF))
