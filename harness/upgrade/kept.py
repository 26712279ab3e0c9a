"""The environments that are kept: which are in use, what they take on the disk, and which of them go first."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.errors import UsageError

LOCK, PROBED, USED = "lock.txt", "probe.json", "used"
"""What an environment holds of ours: its packages, whether it can be imported, and when it was last used."""

LIMIT = "HARNESS_CACHE_LIMIT"

_DEFAULT_LIMIT = "20GB"

_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)B?\s*", re.IGNORECASE)

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}

_KEY = re.compile(r"[0-9a-f]{32}")

_ASIDE = re.compile(r"[0-9a-f]{32}\.(\d+)\.tmp")
"""A folder that a process with this id is building, or removing."""

_LONG_AGO_SECONDS = 24 * 3600
"""Where the file system has no locks, an environment that was not used for so long is not in use."""

_BLOCK = 512
"""The bytes of one of `st_blocks`, whatever the file system's own blocks (POSIX, sys/stat.h)."""


def cache_limit() -> int:
    """The bytes that all environments together may take; raises UsageError if HARNESS_CACHE_LIMIT is no size."""
    text = os.environ.get(LIMIT) or _DEFAULT_LIMIT
    match = _SIZE.fullmatch(text)
    if match is None:
        raise UsageError(f"{LIMIT}={text}: no size; write it as 20GB or 500MB")
    return int(float(match[1]) * _UNITS[match[2].upper()])


class Held:
    """An environment that this process uses. The kernel ends the hold with the process, however that ends."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError if there is no such folder."""
        self._folder = folder
        self._number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        with suppress(OSError):  # some file systems have no locks
            fcntl.flock(self._number, fcntl.LOCK_SH)

    def __del__(self) -> None:
        """End the hold."""
        if hasattr(self, "_number"):
            os.close(self._number)

    def lasts(self) -> bool:
        """Whether the folder is still there: it may have been removed before it was held."""
        with suppress(OSError):
            return os.path.samestat(os.fstat(self._number), self._folder.stat())
        return False


def hold(folder: Path) -> Held | None:
    """Hold the environment and note that it is used; None if it is not there, or not any more."""
    with suppress(OSError):
        held = Held(folder)
        if held.lasts():
            with suppress(OSError):  # a cache that others fill may be read-only
                (folder / USED).touch()
            return held
    return None


def environments(root: Path) -> tuple[Path, ...]:
    """The folders of the environments under `root`, the one that was used last first."""
    found = [path.parent for path in root.glob(f"*/{LOCK}") if _is_ours(path.parent)]
    return tuple(sorted(found, key=last_use, reverse=True))


def last_use(folder: Path) -> float:
    """When an environment was last used, in seconds of the epoch; 0 if it is gone."""
    for name in (USED, LOCK):
        with suppress(OSError):
            return (folder / name).stat().st_mtime
    return 0.0


def in_use(folder: Path) -> bool:
    """Whether a command uses the environment; this process counts too."""
    with suppress(OSError):
        number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            return not _locked(number, folder)
        finally:
            os.close(number)
    return False


def remove(folder: Path) -> bool:
    """Remove the environment unless a command uses it; returns whether it is gone. Raises OSError."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    aside = folder.with_name(f"{folder.name}.{os.getpid()}.tmp")
    try:
        if not _locked(number, folder):
            return False
        # Whoever waits for it sees that it is gone at once, not while it vanishes.
        folder.rename(aside)
    finally:
        os.close(number)
    shutil.rmtree(aside, ignore_errors=True)
    return True


def prune(root: Path, limit: int) -> tuple[str, ...]:
    """Remove what was not used for longest until the rest takes at most `limit` bytes; returns the names.

    What a command uses stays, whatever the limit. Also removes what dead processes left half built.
    """
    sweep(root)
    folders = environments(root)
    disk = Disk.of(folders)
    removed = []
    for folder in reversed(folders):
        if disk.bytes <= limit:
            break
        with suppress(OSError):
            if remove(folder):
                disk.without(folder)
                removed.append(folder.name)
    return tuple(removed)


def sweep(root: Path) -> None:
    """Remove the folders that processes left when they ended in the middle of building or removing."""
    for path in root.glob("*.tmp"):
        match = _ASIDE.fullmatch(path.name)
        if match and not path.is_symlink() and not _alive(int(match[1])) and not in_use(path):
            shutil.rmtree(path, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Taken:
    """What a file takes: its bytes on the disk, and how many names it has in all and in this environment."""

    bytes: int
    names: int
    here: int


Inode = tuple[int, int]


@dataclass(slots=True)
class Disk:
    """What environments take on the disk, each file counted once."""

    files: dict[Path, Mapping[Inode, Taken]] = field(default_factory=dict)
    holders: Counter[Inode] = field(default_factory=Counter)
    bytes: int = 0

    @classmethod
    def of(cls, folders: Sequence[Path]) -> Disk:
        """The disk with these environments on it."""
        disk = cls()
        for folder in folders:
            disk.files[folder] = taken(folder)
            for inode, one in disk.files[folder].items():
                disk.bytes += 0 if disk.holders[inode] else one.bytes
                disk.holders[inode] += 1
        return disk

    def without(self, folder: Path) -> None:
        """Take note that the environment was removed."""
        for inode, one in self.files.pop(folder).items():
            self.holders[inode] -= 1
            self.bytes -= 0 if self.holders[inode] else one.bytes


def taken(folder: Path) -> Mapping[Inode, Taken]:
    """What each file and folder in `folder` takes; names that vanish meanwhile are left out."""
    found: dict[Inode, Taken] = {}
    for inode, one in _entries(folder):
        before = found.get(inode)
        found[inode] = replace(before, here=before.here + 1) if before else one
    return found


def size_of(files: Mapping[Inode, Taken]) -> int:
    """The bytes that these files take."""
    return sum(one.bytes for one in files.values())


def freed_by(files: Mapping[Inode, Taken]) -> int:
    """The bytes that deleting these files would give back: those of which no other name is left."""
    return sum(one.bytes for one in files.values() if one.here >= one.names)


def _entries(folder: Path | str) -> Iterator[tuple[Inode, Taken]]:
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                found = entry.stat(follow_symlinks=False)
                is_folder = entry.is_dir(follow_symlinks=False)
                # A folder counts those inside it among its names, but has only one.
                names = 1 if is_folder else found.st_nlink
                yield (found.st_dev, found.st_ino), Taken(found.st_blocks * _BLOCK, names, 1)
                if is_folder:
                    yield from _entries(entry.path)


def _is_ours(folder: Path) -> bool:
    return bool(_KEY.fullmatch(folder.name)) and not folder.is_symlink()


def _locked(number: int, folder: Path) -> bool:
    """Lock the open folder for its removal; returns False if a command uses it."""
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return time.time() - last_use(folder) > _LONG_AGO_SECONDS
    return True


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it belongs to another user
        return True
    return True
