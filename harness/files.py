"""The only way to replace a file: completely or not at all. Links are followed, and devices are written through."""

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
"""The prefix and suffix of temporary file names."""

_ABANDONED_SECONDS = 3600.0
"""The age from which a temporary file counts as abandoned if the file system has no locks."""

_NAMES_NO_FILE = (errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO)
_ONLY_IN_PLACE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY, errno.EXDEV)
_LINKS = 40


def write(path: Path, content: bytes) -> None:
    """Write `content` to `path`, creating folders as needed.

    A regular file is replaced in one step and keeps its permissions; links to it are followed.
    Devices, FIFOs and open descriptors (/dev/stdout, /dev/fd/N) are written through; it is no error if their
    reader has gone. Raises UsageError if `path` cannot name a file, StoreError if it cannot be written.
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
    """Check whether `path` can be written, without changing it or its folder; raises as `write` does."""
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
    """The open file descriptor of this process that `path` names, as /dev/stdout does; None if there is none."""
    own = re.compile(rf"/dev/fd|/proc/{os.getpid()}(/task/\d+)?/fd")
    # A path that cannot be examined is none; writing to it reports why.
    with suppress(OSError, ValueError):
        for _ in range(_LINKS):
            if path.name.isdecimal() and own.fullmatch(os.path.realpath(path.parent)):
                return int(path.name)
            if not path.is_symlink():
                return None
            path = path.parent / os.readlink(path)
    return None


def stamps(place: Path, pattern: str = "*", without: str = "") -> list[tuple[str, int, int]]:
    """Name, bytes and time of change (in ns) of each file in a folder, or of a file alone: what tells at a glance that
    something in it changed. Folders called `without` are left out.
    """
    found = sorted(place.rglob(pattern)) if place.is_dir() else [place]
    kept = (one for one in found if one.is_file() and without not in one.parts)
    return [(str(one), one.stat().st_size, one.stat().st_mtime_ns) for one in kept]


def refusal(path: Path, error: OSError | ValueError, noun: str = "file") -> HarnessError:
    """The error for `path`, which could not be written: a UsageError if it cannot name a `noun`."""
    if isinstance(error, ValueError) or error.errno in _NAMES_NO_FILE:
        return UsageError(f"{path}: cannot be written ({reason(error)}); name a {noun}")
    step = f"free the space or grant the permission, or name another {noun}"
    return StoreError(f"{path}: cannot be written ({reason(error)}); {step}")


def reason(error: OSError | ValueError) -> str:
    """The operating system's own message."""
    if isinstance(error, FileExistsError):  # raised by the attempt to create a folder there
        return os.strerror(errno.ENOTDIR)
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


@contextmanager
def temporary(path: Path) -> Iterator[BinaryIO]:
    """A new file next to `path`, for its writer to rename; if not renamed, it is removed at the end.

    It stays locked meanwhile, so that `sweep` can tell it from files of killed processes. Raises OSError.
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
    """A new file that replaces `path` at the end, or leaves no trace if the writer raises.

    A `durable` file is flushed to the disk first: a kill at any moment leaves the old file or the new one.
    Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with temporary(path) as file:
        yield file
        if durable:
            flush(file)
        file.flush()
        os.replace(file.name, path)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Wait until no other process holds `folder`, and hold it; one that does not exist, or has no locks, is not held.

    It is for changes that read a file and then replace it: what another process writes in between would be lost.
    """
    try:
        number = os.open(folder, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
    except OSError:
        yield
        return
    try:
        with suppress(OSError):
            fcntl.flock(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)


def flush(file: IO[bytes]) -> None:
    """Flush what was written to the disk; raises OSError."""
    file.flush()
    try:
        os.fsync(file.fileno())
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # the file system does not support it
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
        with suppress(OSError):  # some file systems have no locks
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
    """Replace or create the regular file at `path`, which is not a link."""
    before = path.stat() if path.exists() else None
    if before and not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    try:
        with replacing(path) as file:
            if before:
                _keep_owner(file.fileno(), before)
            file.write(content)
    except OSError as error:
        # The folder accepts no new files, or the file itself is a mount point.
        if before is None or error.errno not in _ONLY_IN_PLACE:
            raise
        _write_through(os.open(path, os.O_WRONLY | os.O_TRUNC), content)


def _keep_owner(number: int, before: os.stat_result) -> None:
    with suppress(OSError):  # only root may change the owner
        os.fchown(number, before.st_uid, before.st_gid)
    os.fchmod(number, stat.S_IMODE(before.st_mode))


def _write_through(number: int, content: bytes) -> None:
    """Write to the descriptor and close it."""
    for stream in (sys.stdout, sys.stderr):  # earlier output comes first, if it goes to the same place
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
    """Create an unnamed file in the folder, or in its nearest existing parent."""
    while not folder.exists():
        folder = folder.parent
    with tempfile.TemporaryFile(dir=folder):
        pass
