"""`python -m harness.worker DEVICE --forks DESCRIPTOR`: import what jobs need, then fork a worker for each request.

The server computes nothing: no thread pool, no random numbers, no CUDA. A forked worker is as fresh as a spawned
process, except that all workers of one server share the addresses of Python and the libraries, and the seed of
Python's hashes.
"""

from __future__ import annotations

import faulthandler
import gc
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

from harness.codec import prepare, to_json
from harness.core.capture import CaptureDocument
from harness.core.case import ModelSpec, Variant
from harness.core.messages import FORK_STATUS, FORKS_READY, Finished, Job, Progress, Ready
from harness.core.trace import Structure, TraceIndex
from harness.worker.environment.numpy_start import spare_numpy
from harness.worker.environment.startup import bring_in, hindered
from harness.worker.serving.serve import main as serve

_MOST_DESCRIPTORS = 8

_LONGEST_REQUEST = 65_536
_NONE = 0

_DESCRIPTORS = "/proc/self/fd"
_GPUS = ("/dev/nvidia", "/dev/kfd", "/dev/dxg")


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
    # Fails before Linux 5.3. A descriptor of a process signals its end without a thread or a signal.
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
        Forker(requests, prepared, lambda _request, _kept: serve(device, "forked")).run()


class Forker:
    """Forks a child for each request on a socket, and reports through a pipe per child how it ended.

    A request comes with the child's standard input, output and error and the pipe for its exit code, in this order;
    the answer is the child's process id, 0 if it cannot be forked. `prepare` is called with each request before the
    fork. `become` is called in the child, with the request and any further descriptors that came with it.
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
        """By the descriptor that gets the exit code."""
        self._ended: dict[int, int] = {}
        """The process ids that the parent may still use, by the same descriptor."""

    def run(self) -> None:
        """Fork children and report their exit codes until the parent is gone."""
        while True:
            poll = select.poll()
            poll.register(self._requests, select.POLLIN)
            for child in self._children.values():
                poll.register(child.ending, select.POLLIN)
            for status in self._ended:
                poll.register(status, 0)  # poll always reports that the parent has closed its end
            ready = {descriptor for descriptor, _event in poll.poll()}
            for status, child in list(self._children.items()):
                if child.ending in ready:
                    self._report_end(status, child)
            for status in ready & self._ended.keys():
                self._reap(status)
            if self._requests.fileno() in ready and not self._answer():
                return

    def _report_end(self, status: int, child: _Child) -> None:
        # Not reaped yet: its process id must not be reused while the parent may still kill its group.
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
        """Fork for one request; False if the parent is gone."""
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
            with suppress(OSError):  # the child does the same; either may be first
                os.setpgid(pid, pid)
            return pid
        os.close(status)  # the server reports the exit code
        self._live(request, streams, kept)
        os._exit(1)

    def _live(self, request: bytes, streams: Sequence[int], kept: Sequence[int]) -> None:
        """Run the child until this process ends, whatever happens."""
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


def prepared(request: bytes) -> None:
    """Import the classes that are asked for, and do what every child would do again."""
    _bring_in_classes(request)
    done_once()


def done_once() -> None:
    """Do for all children what each would do again once everything is imported.

    That is: read what is installed, turn off bars, remember the code of the libraries, build what reads and writes
    messages and captures, and count nothing of all this as garbage: a collection in a child would look at everything
    that was imported, and copy the pages of it.
    """
    from harness.worker.environment.fingerprint import providers
    from harness.worker.progress import draw_no_bars
    from harness.worker.state import code

    providers()
    draw_no_bars()
    code.remember()
    prepare(Job, Ready, Progress, Finished, ModelSpec, Variant, CaptureDocument, TraceIndex, Structure)
    gc.freeze()


def _bring_in_classes(request: bytes) -> None:
    """Import the named classes of diffusers if possible; otherwise the worker gets the same error and reports it."""
    import diffusers

    for name in json.loads(request):
        with suppress(Exception):
            getattr(diffusers, name)


def _is_safe() -> bool:
    """Whether this process can be forked: it has only one thread (others would be lost), and no CUDA.

    Merely counting the GPUs starts the driver, of which torch then says nothing: a child would find no GPU.
    """
    import torch

    alone = len(os.listdir("/proc/self/task")) == 1
    return alone and not torch.cuda.is_initialized() and not _holds_gpu()


def _holds_gpu() -> bool:
    """Whether the driver of a GPU has been started in this process: it keeps the device open."""
    return any(_target(descriptor).startswith(_GPUS) for descriptor in os.listdir(_DESCRIPTORS))


def _target(descriptor: str) -> str:
    try:
        return os.readlink(f"{_DESCRIPTORS}/{descriptor}")
    except OSError:  # closed meanwhile
        return ""
