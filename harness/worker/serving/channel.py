"""The worker's end of the pipe to its parent: jobs come in, replies go out, one JSON document a line."""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Iterator
from typing import BinaryIO

from harness import streams
from harness.codec import from_json, to_json
from harness.core.messages import Job, Reply


class Channel:
    """Takes over standard input and output; other prints go to the log, other reads get nothing."""

    def __init__(self) -> None:
        sys.stdout.flush()
        self._out: BinaryIO = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)
        # A log on a full disk must not make a pipeline that prints fail.
        sys.stdout = streams.tolerant_text(streams.Tolerant(streams.STDOUT), sys.stdout)
        sys.stderr = streams.tolerant_text(streams.Tolerant(streams.STDERR), sys.stderr)
        self._in: BinaryIO = os.fdopen(os.dup(0), "rb")
        with open(os.devnull, "rb") as nothing:
            os.dup2(nothing.fileno(), 0)
        # Ends any unfinished line that was printed before this.
        self._out.write(b"\n")
        self._jobs: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._in:
            self._jobs.put(line)
        # The parent has closed the pipe or died. Nobody waits for a job that may still be running, and it
        # must not keep the device.
        os._exit(0)

    def jobs(self) -> Iterator[Job]:
        """The jobs in the order they arrive; never ends, since the end of input ends the process."""
        while True:
            yield from_json(Job, self._jobs.get())

    def send(self, reply: Reply) -> None:
        """Send one reply; if the parent is gone, end the process."""
        try:
            self._out.write(to_json(reply).encode() + b"\n")
            self._out.flush()
        except BrokenPipeError:
            os._exit(0)
