"""Fresh workers at no start-up cost: forked from a process that has imported what jobs need and computed nothing."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO

from harness import interrupts
from harness.codec import from_json
from harness.core.messages import FORK_STATUS, FORKS_READY, CannotStart
from harness.run import obstacles
from harness.run.process import STARTUP_SECONDS, NotSpawned, Process, log_tail, opened, spawned
from harness.run.variables import Variables, process_environment

_LONGEST_REPLY = 65_536


class ForkedProcess:
    """A child of a fork server, with the part of `subprocess.Popen` that a worker needs.

    The server sends the process id through a pipe and, after the process has ended, its exit status.
    """

    def __init__(self, pid: int, status: int, stdin: IO[bytes], stdout: IO[bytes]) -> None:
        self.pid = pid
        self.stdin = stdin
        self.stdout = stdout
        self.returncode: int | None = None
        self._status = status
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        """The exit code once it has ended, the negated signal if one killed it; None while it runs."""
        return self._ended(0.0)

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, as soon as there is one; raises subprocess.TimeoutExpired after `timeout` seconds."""
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("a forked worker", timeout or 0.0)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def _ended(self, timeout: float | None) -> int | None:
        with self._lock:
            if self.returncode is None and select.select([self._status], [], [], timeout)[0]:
                status = os.read(self._status, struct.calcsize(FORK_STATUS))
                # The pipe is closed: the server itself is gone, and the worker's state is unknown.
                self.returncode = struct.unpack(FORK_STATUS, status)[0] if status else -signal.SIGKILL
                if not status:
                    with suppress(OSError):
                        os.killpg(self.pid, signal.SIGKILL)
                os.close(self._status)  # lets the server forget the process id
            return self.returncode


class _ForkServer:
    """One server for one set of environment variables."""

    def __init__(self, variables: Variables, device: str, log: Path) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        arguments = ("harness.worker", device, "--forks", str(theirs.fileno()))
        with opened(log) as sink, theirs:
            self._process = spawned(
                arguments,
                process_environment(variables),
                sink,
                streams=subprocess.DEVNULL,
                keep=theirs.fileno(),
            )
        interrupts.kill_on_exit(self._process.pid)
        self._log = log
        self._lock = threading.Lock()
        self._ready: bool | None = None

    def fork(self, log: IO[bytes], imports: Iterable[str]) -> ForkedProcess | None:
        """A new worker that logs to `log`, with the diffusers classes `imports` already imported; None if it cannot."""
        with self._lock:
            if self._ready is None:
                self._ready = self._answers()
            return self._forked(log, imports) if self._ready else None

    def close(self) -> None:
        """End the server and everything it forked."""
        # Killed, not asked to exit: it may be importing for minutes. Whoever waits for its answer then gets none.
        self._process.kill()
        self._process.wait()
        self._socket.close()
        interrupts.killed(self._process.pid)

    def _answers(self) -> bool:
        """Whether it can fork; raises NotSpawned if no spawned worker could import what jobs need either."""
        self._socket.settimeout(STARTUP_SECONDS)
        reply = b""
        with suppress(OSError):
            reply = self._socket.recv(_LONGEST_REPLY)
        if reply in (b"", FORKS_READY):
            return bool(reply)
        raise NotSpawned(obstacles.cannot_start(from_json(CannotStart, reply), log_tail(self._log)))

    def _forked(self, log: IO[bytes], imports: Iterable[str]) -> ForkedProcess | None:
        (job_r, job_w), (reply_r, reply_w), (status_r, status_w) = os.pipe(), os.pipe(), os.pipe()
        theirs = (job_r, reply_w, log.fileno(), status_w)
        try:
            socket.send_fds(self._socket, [json.dumps([*imports]).encode()], theirs)
            answer = self._socket.recv(struct.calcsize(FORK_STATUS))
        except OSError:
            answer = b""
        for descriptor in (job_r, reply_w, status_w):
            os.close(descriptor)
        pid = struct.unpack(FORK_STATUS, answer)[0] if answer else 0
        if not pid:
            self._ready = False
            for descriptor in (job_w, reply_r, status_r):
                os.close(descriptor)
            return None
        return ForkedProcess(pid, status_r, os.fdopen(job_w, "wb"), os.fdopen(reply_r, "rb"))


class ForkServers:
    """The fork servers of a command. Thread-safe."""

    def __init__(self, device: str, logs: Path) -> None:
        self._device = device
        self._logs = logs
        self._lock = threading.Lock()
        self._servers: dict[frozenset[tuple[str, str | None]], _ForkServer | None] = {}

    def worker(self, variables: Variables, log: IO[bytes], imports: Iterable[str]) -> Process | None:
        """A fresh worker for these variables; None if it cannot be forked and must be spawned.

        That happens if forking is not safe (on every system but Linux), if the server could not import what
        jobs need, or if it now has more than one thread.
        """
        server = self._server(variables)
        return server.fork(log, imports) if server is not None else None

    def has(self, variables: Variables) -> bool:
        """Whether a server for these variables already exists."""
        with self._lock:
            return self._servers.get(frozenset(variables.items())) is not None

    def close(self) -> None:
        """End all servers."""
        with self._lock:
            for server in self._servers.values():
                if server is not None:
                    server.close()
            self._servers.clear()

    def _server(self, variables: Variables) -> _ForkServer | None:
        key = frozenset(variables.items())
        with self._lock:
            if key not in self._servers:
                log = self._logs / f"fork-server-{len(self._servers)}.log"
                self._servers[key] = self._started(variables, log)
            return self._servers[key]

    def _started(self, variables: Variables, log: Path) -> _ForkServer | None:
        return _ForkServer(variables, self._device, log) if sys.platform == "linux" else None
