"""One worker process: started for a set of environment variables, given jobs, killed when it hangs."""

from __future__ import annotations

import atexit
import contextlib
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Protocol

from pydantic import ValidationError

from harness import files, interrupts
from harness.codec import from_json, to_json
from harness.core.capture import Lost, Outcome
from harness.core.messages import CannotStart, Finished, Job, Progress, Ready, Reply
from harness.errors import StoreError
from harness.run import obstacles
from harness.run.trial import Trial
from harness.run.variables import Variables, process_environment

STARTUP_SECONDS = 300.0
"""How long a worker may take to import what jobs need; a cold disk needs a minute."""

_LOG_LINES = 20
_LOG_BYTES = 65536
_ABORT_SECONDS = 3.0


class NotSpawned(Exception):
    """No process was started; `lost` says why."""

    def __init__(self, lost: Lost) -> None:
        super().__init__(lost.reason)
        self.lost = lost


class Process(Protocol):
    """The part of `subprocess.Popen` that is used of a worker's process, which leads its own process group."""

    @property
    def pid(self) -> int:
        """Its process id, which is also that of its group."""

    @property
    def stdin(self) -> IO[bytes] | None:
        """Where jobs are written."""

    @property
    def stdout(self) -> IO[bytes] | None:
        """Where replies are read."""

    def poll(self) -> int | None:
        """Its exit code once it has ended, the negated signal if one killed it; None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the exit code; raises subprocess.TimeoutExpired after `timeout` seconds."""

    def send_signal(self, number: int, /) -> None:
        """Send a signal if it still runs."""


Start = Callable[[IO[bytes]], Process | None]
"""Starts a worker that writes to the given log; None if it must be started another way."""


class WorkerProcess:
    """A worker and the pipe to it. Used from one thread; `kill` may be called from any thread.

    `fork` returns a forked process, if there can be one; `python` is another interpreter to start.
    Raises NotSpawned if no process could be started.
    """

    def __init__(
        self,
        variables: Variables,
        device: str,
        log: Path,
        fork: Start = lambda _log: None,
        python: str | None = None,
    ) -> None:
        self._kind = (python, variables)
        self._log = log
        with opened(log) as sink:
            self._log_start = sink.tell()
            arguments = ("harness.worker", device)
            environment = process_environment(variables)
            self._process = fork(sink) or spawned(arguments, environment, sink, python=python)
        interrupts.kill_on_exit(self._process.pid)
        self._replies: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()
        self._ready: Ready | None = None
        self.spent = False
        self._aborted = False

    @property
    def alive(self) -> bool:
        """Whether the process is still running."""
        return self._process.poll() is None

    @property
    def was_killed(self) -> bool:
        """Whether something other than the harness killed the process (SIGKILL)."""
        return not self._aborted and self._process.poll() == -signal.SIGKILL

    def fits(self, trial: Trial) -> bool:
        """Whether it was started with the variables and the interpreter that `trial` needs."""
        return self._kind == (trial.python, trial.process_variables())

    def wait_ready(self) -> Ready | Lost:
        """Wait until the worker has imported what jobs need; Lost if it cannot start, dies or hangs before that."""
        if self._ready is None:
            reply = self._receive(time.monotonic() + STARTUP_SECONDS)
            if isinstance(reply, CannotStart):
                return obstacles.cannot_start(reply, self._tail())
            if not isinstance(reply, Ready):
                return obstacles.not_begun(self._lost(reply, "while starting", STARTUP_SECONDS))
            self._ready = reply
        return self._ready

    def run(self, job: Job, on_progress: Callable[[Progress], None]) -> Outcome:
        """Run one job within its case's timeout. After a Lost outcome of a dead worker, start a new one."""
        ready = self.wait_ready()
        if isinstance(ready, Lost):
            return ready
        with contextlib.suppress(OSError):  # the folder may have been removed meanwhile
            self._log_start = self._log.stat().st_size
        with contextlib.suppress(BrokenPipeError):
            self._stdin.write(to_json(job).encode() + b"\n")
            self._stdin.flush()
        # The first reply comes when the worker has imported diffusers; that time is not the case's.
        deadline, limit = time.monotonic() + STARTUP_SECONDS, STARTUP_SECONDS
        while True:
            reply = self._receive(deadline)
            if isinstance(reply, Finished):
                self.spent = reply.spent
                return reply.outcome
            if not isinstance(reply, Progress):
                return self._lost(reply, "while it ran", limit)
            if limit is STARTUP_SECONDS:
                deadline, limit = time.monotonic() + job.case.timeout, job.case.timeout
            on_progress(reply)

    def close(self) -> None:
        """End an idle worker; it exits when its input ends."""
        with contextlib.suppress(BrokenPipeError):
            self._stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=_ABORT_SECONDS)
        self.kill()

    def kill(self) -> None:
        """Kill the worker and everything it started, even if the worker itself has already ended."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        interrupts.killed(self._process.pid)
        with contextlib.suppress(OSError):
            self._stdin.close()

    @property
    def _stdin(self):  # type: ignore[no-untyped-def]
        assert self._process.stdin is not None
        return self._process.stdin

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._replies.put(line)
        self._replies.put(None)

    def _receive(self, deadline: float) -> Reply | _Silence:
        while True:
            try:
                line = self._replies.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                return _TIMED_OUT
            if line is None:
                return _DIED
            # Not a reply: printed before the worker took over its output, or cut short when the worker died.
            with contextlib.suppress(ValidationError):
                return from_json(Reply, line)  # type: ignore[arg-type]

    def _lost(self, reply: Reply | _Silence, when: str, seconds: float) -> Lost:
        if reply is _TIMED_OUT:
            self._abort()
            return Lost(
                f"no result within the timeout of {seconds:g} s {when}; the worker was killed", self._tail()
            )
        try:
            code = self._process.wait(timeout=_ABORT_SECONDS)
        except subprocess.TimeoutExpired:
            self._abort()
            return Lost(f"the worker closed its pipe {when} and was killed", self._tail())
        return Lost(f"the worker {_death(code)} {when}", self._tail())

    def _abort(self) -> None:
        self._aborted = True
        # On SIGABRT the worker's fault handler writes the stack of every thread to the log.
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGABRT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=_ABORT_SECONDS)
        self.kill()

    def _tail(self) -> tuple[str, ...]:
        return log_tail(self._log, self._log_start)


def log_tail(log: Path, start: int = 0) -> tuple[str, ...]:
    """The last lines that a process wrote to its log from offset `start` on."""
    lines = list[str]()
    with contextlib.suppress(OSError), log.open("rb") as file:
        file.seek(max(start, log.stat().st_size - _LOG_BYTES))
        lines = file.read().decode(errors="replace").splitlines()
    return _telling([line for line in lines if line.strip()])


def opened(log: Path) -> IO[bytes]:
    """The log, opened for appending; raises StoreError."""
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        return log.open("ab")
    except OSError as error:
        step = "free the space or grant the permission, or name another folder with --out"
        raise StoreError(f"{log}: cannot be written ({files.reason(error)}); {step}") from error


def _telling(lines: list[str]) -> tuple[str, ...]:
    """The last lines and, if Python's fault handler wrote after them, the innermost calls, which it lists first."""
    fault = next((at for at, line in enumerate(lines) if line.startswith("Fatal Python error")), len(lines))
    stack = next(
        (at for at, line in enumerate(lines) if at > fault and line.startswith("Current thread")), fault + 1
    )
    before, died, calls = lines[:fault], lines[fault : fault + 1], lines[stack : stack + _LOG_LINES]
    return (*before[-_LOG_LINES:], *died, *calls)


def spawned(
    arguments: Sequence[str],
    environment: dict[str, str],
    log: IO[bytes],
    *,
    streams: int = subprocess.PIPE,
    keep: int | None = None,
    python: str | None = None,
) -> subprocess.Popen[bytes]:
    """A process that runs a module with arguments and inherits the descriptor `keep`; raises NotSpawned.

    `python` is the interpreter, by default the current one.
    """
    interpreter = python or sys.executable
    # Empty if Python is embedded in another program.
    if not interpreter:
        raise NotSpawned(obstacles.NO_PYTHON)
    try:
        return subprocess.Popen(
            # -P: a torch.py or a diffusers/ in the current folder is not the library and must never be imported.
            [interpreter, "-P", "-m", *arguments],
            stdin=streams,
            stdout=streams,
            stderr=log,
            env=_with_harness(environment, alone=python is not None),
            pass_fds=() if keep is None else (keep,),
            # Its own process group: Ctrl-C reaches only the parent, and a kill reaches all children.
            start_new_session=True,
        )
    except OSError as error:
        raise NotSpawned(obstacles.not_spawned(interpreter, error)) from error


def _with_harness(environment: dict[str, str], *, alone: bool) -> dict[str, str]:
    """The environment in which a worker finds this package even if it is not installed.

    It is not installed if it runs from a checkout, nor in another interpreter. `alone` adds this package for such an
    interpreter, but nothing next to it: the interpreter's own libraries are what the trial tests.
    """
    home = Path(__file__).resolve().parents[2]
    if not alone and str(home) in map(os.path.realpath, filter(None, sys.path[1:])):
        return environment
    places = [*filter(None, [environment.get("PYTHONPATH")]), _only_harness() if alone else str(home)]
    return {**environment, "PYTHONPATH": os.pathsep.join(places)}


@cache
def _only_harness() -> str:
    """A folder that holds only this package, as long as this process lives."""
    folder = tempfile.mkdtemp(prefix="harness-package-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    package = Path(__file__).resolve().parents[1]
    Path(folder, package.name).symlink_to(package, target_is_directory=True)
    return folder


class _Silence:
    """Why no reply came."""


_TIMED_OUT = _Silence()
_DIED = _Silence()


def _death(code: int) -> str:
    if code >= 0:
        return f"exited with code {code}"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    hint = " (often the kernel, out of memory)" if -code == signal.SIGKILL else ""
    return f"was killed by {name}{hint}"
