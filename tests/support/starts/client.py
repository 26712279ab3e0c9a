"""The side of a command: ask the session's server for a process instead of starting one."""

from __future__ import annotations

import fcntl
import hashlib
import importlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from harness.core.messages import FORK_STATUS
from harness.run import forks, process
from harness.run.forks import ForkedProcess

ROOT = Path(__file__).resolve().parents[3]

SESSION = "HARNESS_TESTS_SESSION"
"""The variable that names the process whose tests share servers; there are none where it is not set."""

_LATE = (
    "PYTEST_CURRENT_TEST", "PYTEST_XDIST_WORKER", "COLUMNS", "PWD", "OLDPWD", "_",
    "CUBLAS_WORKSPACE_CONFIG", "TOKENIZERS_PARALLELISM", "HARNESS_THREADS",
    "MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MAKE_TERMERR", "MAKE_TERMOUT", "MFLAGS", "ARGS", "SELECT", "PYTHON",
)  # fmt: skip
"""Variables that no library reads while it is imported: processes that differ in these alone have one server."""

LATE = "HARNESS_TESTS_LATE"
"""The variable that names, with commas, further ones of which a test knows the same.

With PYTHONPATH among them the `sitecustomize` that lies there is run right after the fork.
"""

_MOST_SERVERS = 6
"""Each holds some 400 MB."""

_PATIENCE_SECONDS = 120.0

_spawned = process.spawned
_connections: dict[str, _Connection | None] = {}
_lock = threading.Lock()


class Forked(ForkedProcess):
    """A process that was forked, with all that is asked of one that was started."""

    def kill(self) -> None:
        """Kill it unless it has ended."""
        self.send_signal(signal.SIGKILL)


def install() -> None:
    """Let this process fork what it would start, where the two do not differ."""
    if sys.platform == "linux" and SESSION in os.environ:
        process.spawned = forks.spawned = begun


def variables() -> dict[str, str]:
    """What `python -m tests.support.starts` needs in its environment."""
    return {SESSION: session(), "PYTHONPATH": str(ROOT)}


def session() -> str:
    """The number of the process that runs the tests: of those of pytest-xdist the one that has started them."""
    return str(os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid())


def begun(
    arguments: Sequence[str],
    environment: dict[str, str],
    log: IO[bytes],
    *,
    streams: int = subprocess.PIPE,
    keep: int | None = None,
    python: str | None = None,
) -> subprocess.Popen[bytes] | Forked:
    """In the place of `harness.run.process.spawned`."""
    if python is None and is_plain(environment) and (connection := _connection(environment)):
        kept = () if keep is None else (keep,)
        if found := connection.fork(arguments, environment, log, piped=streams == subprocess.PIPE, kept=kept):
            return found
    return _spawned(arguments, environment, log, streams=streams, keep=keep, python=python)


def is_plain(environment: Mapping[str, str]) -> bool:
    """Whether a worker of this environment has no code of a test's own that has to be there first, and one thread."""
    early = "PYTHONPATH" not in _late(environment)
    return not (early and own_places(environment)) and environment.get("OMP_NUM_THREADS") == "1"


def own_places(environment: Mapping[str, str]) -> list[str]:
    """The folders on PYTHONPATH that are a test's own."""
    return [place for place in environment.get("PYTHONPATH", "").split(os.pathsep) if place != str(ROOT)]


def bring_in_sites(places: Sequence[str]) -> None:
    """Run what Python would have run as it began, had it been started with these folders on PYTHONPATH."""
    if not places:
        return
    sys.path[:0] = places
    sys.modules.pop("sitecustomize", None)
    importlib.invalidate_caches()
    importlib.import_module("sitecustomize")


def _late(environment: Mapping[str, str]) -> set[str]:
    return {*_LATE, LATE, *environment.get(LATE, "").split(",")}


def _connection(environment: Mapping[str, str]) -> _Connection | None:
    late = _late(environment)
    imported_with = {name: value for name, value in environment.items() if name not in late}
    imported_with["PYTHONPATH"] = str(ROOT)
    key = hashlib.sha256(json.dumps(imported_with, sort_keys=True).encode()).hexdigest()[:16]
    with _lock:
        if key not in _connections:
            _connections[key] = _connected(key, imported_with)
        return _connections[key]


def _connected(key: str, environment: dict[str, str]) -> _Connection | None:
    """A connection to the server of this environment, which is started where there is none yet."""
    folder = Path(tempfile.gettempdir()) / f"harness-tests-{os.getuid()}-{os.environ[SESSION]}"
    folder.mkdir(mode=0o700, exist_ok=True)
    address = folder / key
    with _locked(folder / "lock"):
        if not address.exists():
            if len([*folder.glob("????????????????")]) >= _MOST_SERVERS:
                return None
            _serve(address, environment)
    found = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    found.settimeout(_PATIENCE_SECONDS)
    try:
        found.connect(str(address))
    except OSError:
        found.close()
        return None
    return _Connection(found)


def _serve(address: Path, environment: dict[str, str]) -> None:
    """Start a server and wait until it listens, or has ended."""
    with address.with_suffix(".log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-P", "-m", "tests.support.starts.server", str(address), os.environ[SESSION]],
            env={**environment, SESSION: os.environ[SESSION]},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    while not address.exists() and server.poll() is None:
        time.sleep(0.02)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _nothing() -> tuple[int, int]:
    """In the place of a pipe, for a process that has none."""
    return os.open(os.devnull, os.O_RDONLY), os.open(os.devnull, os.O_WRONLY)


class _Connection:
    """A fork server of this command's own, itself forked from the session's."""

    def __init__(self, found: socket.socket) -> None:
        self._socket = found
        self._lock = threading.Lock()

    def fork(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        log: IO[bytes],
        *,
        piped: bool,
        kept: Sequence[int],
    ) -> Forked | None:
        """A process that runs a module with arguments; None where none can be forked."""
        request = {"arguments": [*arguments], "environment": dict(environment), "folder": os.getcwd()}
        (job_r, job_w), (reply_r, reply_w) = (os.pipe(), os.pipe()) if piped else (_nothing(), _nothing())
        status_r, status_w = os.pipe()
        with self._lock:
            pid = self._asked(json.dumps(request).encode(), [job_r, reply_w, log.fileno(), status_w, *kept])
        for descriptor in (job_r, reply_w, status_w):
            os.close(descriptor)
        if pid:
            return Forked(pid, status_r, os.fdopen(job_w, "wb"), os.fdopen(reply_r, "rb"))
        for descriptor in (job_w, reply_r, status_r):
            os.close(descriptor)
        return None

    def _asked(self, request: bytes, descriptors: Sequence[int]) -> int:
        with suppress(OSError):
            socket.send_fds(self._socket, [request], descriptors)
            if answer := self._socket.recv(struct.calcsize(FORK_STATUS)):
                return int(struct.unpack(FORK_STATUS, answer)[0])
        return 0
