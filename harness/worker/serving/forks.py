"""`python -m harness.worker DEVICE --forks DESCRIPTOR`: import what jobs need, then fork a worker for every request.

The server computes nothing: no thread pool, no random numbers, no CUDA. Whoever is forked from it is as fresh as a
process that was started, but for where Python and the libraries lie in memory and for the seed of Python's hashes,
which all that come from one server share.
"""

from __future__ import annotations

import faulthandler
import json
import os
import select
import socket
import struct
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from harness.codec import to_json
from harness.core.messages import FORK_STATUS, FORKS_READY
from harness.worker.environment.numpy_start import spare_numpy
from harness.worker.environment.startup import bring_in, hindered
from harness.worker.serving.serve import main as serve

_MOST_DESCRIPTORS = 8

_LONGEST_REQUEST = 65_536
_NONE = 0


@dataclass(frozen=True, slots=True)
class _Child:
    pid: int
    ending: int
    """The process as a descriptor, readable once it has ended."""


def main(device: str, descriptor: int) -> None:
    """Serve requests until the parent closes its end of the socket `descriptor`."""
    faulthandler.enable()
    warnings.simplefilter("default")
    spare_numpy()
    # A process as a descriptor (Linux 5.3) is how the end of a child is noticed without a thread or a signal.
    os.close(os.pidfd_open(os.getpid()))
    with socket.socket(fileno=descriptor) as requests:
        try:
            for package in ("torch", "transformers", "diffusers"):
                bring_in(package)
            import harness.worker.execute  # noqa: F401 - what every job imports
        except (Exception, SystemExit) as error:
            requests.send(to_json(hindered(error)).encode())
            return
        requests.send(FORKS_READY)
        Forker(requests, _bring_in_classes, lambda _request, _kept: serve(device, "forked")).run()


class Forker:
    """Forks a child for every request on a socket, and tells through a pipe of its own how each ended.

    A request comes with the child's standard input, output and error and the pipe where its end is told, in this order;
    the answer is the child's number, 0 where none can be forked. `prepare` is called with each request
    before the fork, `become` after it in the child, with the request and what further descriptors came with it.
    """

    def __init__(
        self,
        requests: socket.socket,
        prepare: Callable[[bytes], None],
        become: Callable[[bytes, Sequence[int]], None],
    ) -> None:
        self._requests = requests
        self._prepare = prepare
        self._become = become
        self._children: dict[int, _Child] = {}
        """By the descriptor where the end is told."""
        self._ended: dict[int, int] = {}
        """The process numbers that the parent may still use, by the same."""

    def run(self) -> None:
        """Fork and tell of ends until the parent is gone."""
        while True:
            poll = select.poll()
            poll.register(self._requests, select.POLLIN)
            for child in self._children.values():
                poll.register(child.ending, select.POLLIN)
            for status in self._ended:
                poll.register(status, 0)  # the parent closing its end is always told
            ready = {descriptor for descriptor, _event in poll.poll()}
            for status, child in list(self._children.items()):
                if child.ending in ready:
                    self._tell(status, child)
            for status in ready & self._ended.keys():
                self._reap(status)
            if self._requests.fileno() in ready and not self._answer():
                return

    def _tell(self, status: int, child: _Child) -> None:
        # Not waited for yet: its number must not become another's while the parent may still kill its group.
        end = os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert end is not None  # its descriptor is readable, so it has ended
        code = end.si_status if end.si_code == os.CLD_EXITED else -end.si_status
        with suppress(OSError):
            os.write(status, struct.pack(FORK_STATUS, code))
        os.close(child.ending)
        del self._children[status]
        self._ended[status] = child.pid

    def _reap(self, status: int) -> None:
        os.waitpid(self._ended.pop(status), 0)
        os.close(status)

    def _answer(self) -> bool:
        """Fork for one request; False where the parent is gone."""
        message, descriptors, _flags, _address = socket.recv_fds(
            self._requests, _LONGEST_REQUEST, _MOST_DESCRIPTORS
        )
        if not message:
            return False
        self._prepare(message)
        streams, status, kept = descriptors[:3], descriptors[3], descriptors[4:]
        pid = self._fork(message, streams, status, kept) if _is_safe() else _NONE
        for descriptor in (*streams, *kept):
            os.close(descriptor)
        if pid:
            self._children[status] = _Child(pid, os.pidfd_open(pid))
        else:
            os.close(status)
        self._requests.send(struct.pack(FORK_STATUS, pid))
        return True

    def _fork(self, request: bytes, streams: Sequence[int], status: int, kept: Sequence[int]) -> int:
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid:
            with suppress(OSError):  # the child does the same: whoever comes first
                os.setpgid(pid, pid)
            return pid
        os.close(status)  # its end, as long as the server lives, is the server's to tell
        self._live(request, streams, kept)
        os._exit(1)

    def _live(self, request: bytes, streams: Sequence[int], kept: Sequence[int]) -> None:
        """Be the child to the end of this process, whatever happens."""
        code = 1
        try:
            os.setpgid(0, 0)
            for number, stream in enumerate(streams):
                os.dup2(stream, number)
            self._requests.close()
            for descriptor in {*streams, *self._children, *self._ended, *self._endings()}:
                os.close(descriptor)
            self._become(request, kept)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _endings(self) -> set[int]:
        return {child.ending for child in self._children.values()}


def _bring_in_classes(request: bytes) -> None:
    """Import the named classes of diffusers where possible; the worker meets, and tells, what stands in the way."""
    import diffusers

    for name in json.loads(request):
        with suppress(Exception):
            getattr(diffusers, name)


def _is_safe() -> bool:
    """Whether a fork of this process is whole: it has one thread (another one would be missing), and no CUDA."""
    import torch

    return len(os.listdir("/proc/self/task")) == 1 and not torch.cuda.is_initialized()
