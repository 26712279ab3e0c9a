"""The output folder of a command: created, locked against others, and cleared of what killed commands left."""

from __future__ import annotations

import fcntl
import os
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from harness import files
from harness.codec import from_json, to_json
from harness.errors import UsageError
from harness.invocation.options import Options

LOCK_NAME = ".lock"

_FOLDER = "folder with --out"

_LEFT = (
    "**/*.bits.tmp",
    "**/gate-*.safetensors",
    "**/calibrate-*.safetensors",
    "**/sensitivity/*.*.safetensors",
)
"""Spools, and the captures that a command discards before it ends."""


@dataclass(frozen=True, slots=True)
class _Holder:
    """The command that holds the folder; `since` is local time in ISO 8601."""

    pid: int
    host: str
    command: str
    since: str

    def __str__(self) -> str:
        host = "" if self.host == os.uname().nodename else f" on {self.host}"
        return f"`{self.command}` (process {self.pid}{host}, since {self.since.replace('T', ' ')})"


@contextmanager
def held(options: Options, words: Sequence[str], warn: Callable[[str], None]) -> Iterator[None]:
    """Hold the output folder, created if needed, for the command with these `words`.

    The lock ends with the process, however that ends. If the file system has no locks, `warn` is called.
    Raises UsageError if another command holds the folder or the path is not a folder, StoreError if it
    cannot be written.
    """
    out = options.out
    try:
        out.mkdir(parents=True, exist_ok=True)
        file = _opened(out / LOCK_NAME)
    except (OSError, ValueError) as error:
        raise files.refusal(out, error, _FOLDER) from error
    with file:
        locked = _locked(file, out, warn)
        try:
            _sign(file, words)
        except OSError as error:
            raise files.refusal(out, error, _FOLDER) from error
        files.sweep(options.goldens)
        files.sweep(out)
        if locked:
            _clear(out / "captures")
        yield


@contextmanager
def held_for_reading(options: Options, words: Sequence[str]) -> Iterator[None]:
    """Hold the folder like `held` if it exists and can be locked; creates and removes nothing."""
    try:
        file = _opened(options.out / LOCK_NAME) if options.out.is_dir() else None
    except OSError:  # nobody can write there, so no lock is needed
        file = None
    if file is None:
        yield
        return
    with file:
        _locked(file, options.out, lambda _: None)
        with suppress(OSError):
            _sign(file, words)
        yield


def _opened(path: Path) -> IO[bytes]:
    # Never through a link, whose target would be truncated. Unbuffered: a full disk shows at the write itself.
    flags = os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return open(os.open(path, flags | os.O_RDWR | os.O_CREAT, 0o666), "r+b", buffering=0)
    except PermissionError:
        # Another user's file in a shared folder: it can still be locked.
        if not os.access(path.parent, os.W_OK):
            raise
        return open(os.open(path, flags | os.O_RDONLY), "rb", buffering=0)


def _locked(file: IO[bytes], out: Path, warn: Callable[[str], None]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        step = "wait until it has ended, or name another folder with --out"
        raise UsageError(f"{out}: is in use by {_holder(file)}; {step}") from error
    except OSError as error:
        warn(
            f"{out}: cannot be locked ({error.strerror}); do not run another command on this folder meanwhile"
        )
        return False
    return True


def _sign(file: IO[bytes], words: Sequence[str]) -> None:
    if not file.writable():
        return
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    command = shlex.join(["harness", *words]).encode(errors="backslashreplace").decode()
    holder = _Holder(os.getpid(), os.uname().nodename, command, now)
    os.ftruncate(file.fileno(), 0)
    file.seek(0)
    file.write(f"{to_json(holder)}\n".encode())


def _holder(file: IO[bytes]) -> str:
    """Who holds the folder, as far as the file tells: a holder that could not write leaves an older entry there."""
    with suppress(OSError, ValueError):
        holder = from_json(_Holder, file.read())
        if holder.host == os.uname().nodename:
            with suppress(PermissionError):
                os.kill(holder.pid, 0)
        return str(holder)
    return "another command"


def _clear(captures: Path) -> None:
    for pattern in _LEFT:
        for path in captures.glob(pattern):
            with suppress(OSError):
                path.unlink()
