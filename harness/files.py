"""The one way to replace a file: whole or not at all, at the end of its links, and through what is no regular file."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, BinaryIO

from harness.errors import HarnessError, StoreError, UsageError

PREFIX, SUFFIX = ".harness-", ".tmp"
"""How the names of temporary files begin and end."""

_ABANDONED_SECONDS = 3600.0
"""The age of an abandoned temporary file, where the file system has no locks that would tell."""

_NAMES_NO_FILE = (errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO)
_ONLY_IN_PLACE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY, errno.EXDEV)
_LINKS = 40


def write(path: Path, content: bytes) -> None:
    """Put `content` where `path` says, making folders as needed.

    A regular file is replaced in one step, at the end of the links that lead to it, and keeps its permissions.
    Devices, FIFOs and open descriptors (/dev/stdout, /dev/fd/N) are written through; a reader of theirs that
    left is no error. Raises UsageError where `path` can name no file, StoreError where it cannot be written.
    """
    try:
        if (number := descriptor(path)) is not None:
            _write_through(os.dup(number), content)
        elif _is_regular(path):
            _replace(Path(os.path.realpath(path)), content)
        else:
            _write_through(os.open(path, os.O_WRONLY | os.O_NOCTTY), content)
    except (OSError, ValueError) as error:
        raise refusal(path, error) from error


def check(path: Path) -> None:
    """Find out whether `path` could be written, leaving it and its folder as they are; raises as `write` does."""
    try:
        if descriptor(path) is not None:
            return
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        target = Path(os.path.realpath(path))
        if os.path.lexists(target):
            _check_there(target)
        else:
            _check_folder(target.parent)
    except (OSError, ValueError) as error:
        raise refusal(path, error) from error


def descriptor(path: Path) -> int | None:
    """The number of this process's open file that `path` stands for, as /dev/stdout does; None where it is none."""
    own = re.compile(rf"/dev/fd|/proc/{os.getpid()}(/task/\d+)?/fd")
    # What cannot be looked at is none; writing to it says why.
    with suppress(OSError, ValueError):
        for _ in range(_LINKS):
            if path.name.isdecimal() and own.fullmatch(os.path.realpath(path.parent)):
                return int(path.name)
            if not path.is_symlink():
                return None
            path = path.parent / os.readlink(path)
    return None


def refusal(path: Path, error: OSError | ValueError, noun: str = "file") -> HarnessError:
    """The sentence for `path`, which could not be written: bad usage where it can name no `noun`."""
    if isinstance(error, ValueError) or error.errno in _NAMES_NO_FILE:
        return UsageError(f"{path}: cannot be written ({reason(error)}); name a {noun}")
    step = f"free the space or grant the permission, or name another {noun}"
    return StoreError(f"{path}: cannot be written ({reason(error)}); {step}")


def reason(error: OSError | ValueError) -> str:
    """What the operating system said, in its own words."""
    if isinstance(error, FileExistsError):  # it wanted to make a folder there
        return os.strerror(errno.ENOTDIR)
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


@contextmanager
def temporary(path: Path) -> Iterator[BinaryIO]:
    """A new file beside `path`, for its writer to rename; removed at the end where it was not.

    It is locked meanwhile, by which `sweep` knows it from those of killed processes. Raises OSError.
    """
    file = _created(path.parent)
    try:
        yield file
    finally:
        with suppress(OSError):
            file.close()
        with suppress(OSError):
            os.unlink(file.name)


@contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[BinaryIO]:
    """A new file that takes the place of `path` at the end, or leaves no trace where the writer raises.

    A `durable` one is on the disk before it is there: a kill at any moment leaves the old file or the new one.
    Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with temporary(path) as file:
        yield file
        if durable:
            flush(file)
        file.flush()
        os.replace(file.name, path)


def flush(file: IO[bytes]) -> None:
    """Bring what was written to the disk; raises OSError."""
    file.flush()
    try:
        os.fsync(file.fileno())
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a file system that has no such thing
            raise


def sweep(folder: Path) -> None:
    """Remove the temporary files that killed processes left in `folder` and below it."""
    for path in folder.rglob(f"{PREFIX}*{SUFFIX}"):
        with suppress(OSError), path.open("rb") as file:
            if _is_abandoned(file):
                path.unlink()


def _is_abandoned(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return time.time() - os.fstat(file.fileno()).st_mtime > _ABANDONED_SECONDS
    return True


def _created(folder: Path) -> BinaryIO:
    while True:
        path = folder / f"{PREFIX}{secrets.token_hex(8)}{SUFFIX}"
        file = path.open("xb")
        with suppress(OSError):  # not every file system has locks
            fcntl.flock(file, fcntl.LOCK_EX)
        if path.exists():
            return file
        file.close()  # swept before it was locked


def _is_regular(path: Path) -> bool:
    """Whether `path` is a regular file or nothing yet; raises IsADirectoryError for a folder."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return True
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    return stat.S_ISREG(mode)


def _replace(path: Path, content: bytes) -> None:
    """Replace the regular file at `path`, which is no link, or make it."""
    before = path.stat() if path.exists() else None
    if before and not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    try:
        with replacing(path) as file:
            if before:
                _keep_owner(file.fileno(), before)
            file.write(content)
    except OSError as error:
        # The folder takes no new files, or the file is mounted by itself.
        if before is None or error.errno not in _ONLY_IN_PLACE:
            raise
        _write_through(os.open(path, os.O_WRONLY | os.O_TRUNC), content)


def _keep_owner(number: int, before: os.stat_result) -> None:
    with suppress(OSError):  # only root may give files away
        os.fchown(number, before.st_uid, before.st_gid)
    os.fchmod(number, stat.S_IMODE(before.st_mode))


def _write_through(number: int, content: bytes) -> None:
    """Write to the descriptor and close it."""
    for stream in (sys.stdout, sys.stderr):  # what was said before comes first, where it is one of these
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    with suppress(BrokenPipeError), open(number, "wb", buffering=0) as file:
        left = memoryview(content)
        while left:
            left = left[file.write(left) :]


def _check_there(path: Path) -> None:
    if stat.S_ISSOCK(path.stat().st_mode):
        raise OSError(errno.ENXIO, "it is a socket")
    if not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _check_folder(folder: Path) -> None:
    """Try a nameless file in the folder, or in the nearest one above it that exists."""
    while not folder.exists():
        folder = folder.parent
    with tempfile.TemporaryFile(dir=folder):
        pass
