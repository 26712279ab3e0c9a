"""What is kept in the user's cache: each environment with its size, its use and what differs in it from this one."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from harness.core.results.environments import KeptEnvironment, KeptReport
from harness.upgrade.kept import (
    LOCK,
    PROBED,
    Disk,
    cache_limit,
    environments,
    freed_by,
    in_use,
    last_use,
    prune,
    size_of,
)
from harness.upgrade.lock import Lock, lock_of


def listed(root: Path, here: Lock, removed: tuple[str, ...] = ()) -> KeptReport:
    """The environments under `root`, compared with the packages `here`; raises UsageError if the limit is no size."""
    limit, folders = cache_limit(), environments(root)
    disk = Disk.of(folders)
    found = (_described(folder, here, disk) for folder in folders)
    return KeptReport(str(root), limit, disk.bytes, tuple(filter(None, found)), removed)


def pruned(root: Path, here: Lock, *, everything: bool = False) -> KeptReport:
    """What is left after environments were removed: down to the limit, or all that no command uses."""
    return listed(root, here, prune(root, 0 if everything else cache_limit()))


def _described(folder: Path, here: Lock, disk: Disk) -> KeptEnvironment | None:
    """The description of an environment; None if another command removed it meanwhile."""
    try:
        made, packages = (folder / LOCK).stat().st_mtime, (folder / LOCK).read_text()
    except OSError:
        return None
    files = disk.files[folder]
    importable, problem = _probed(folder)
    return KeptEnvironment(
        folder.name,
        _time(made),
        _time(last_use(folder)),
        size_of(files),
        freed_by(files),
        lock_of(packages.splitlines()).moved_from(here),
        importable,
        problem,
        in_use(folder),
    )


def _probed(folder: Path) -> tuple[bool | None, str]:
    """Whether the libraries could be imported the last time somebody asked, and what was raised if not."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        problem = str(json.loads((folder / PROBED).read_text())["problem"])
        return not problem, problem
    return None, ""


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(round(seconds), UTC)
