"""The environments of other versions that are kept in the user's cache."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from harness.core.environment import Change


@dataclass(frozen=True, slots=True)
class KeptEnvironment:
    """One environment: its folder's name, when it was made and last used, and what it takes on the disk.

    `bytes` counts each file once, however many names it has; `frees` is what deleting the environment would give back,
    since other environments and the installer's cache hold some of the same files. `moved` is what differs from the
    environment that the harness runs in. `importable` is None if nobody asked yet; `problem` says why it is not.
    """

    key: str
    made: datetime
    used: datetime
    bytes: int
    frees: int
    moved: tuple[Change, ...]
    importable: bool | None
    problem: str = ""
    in_use: bool = False


@dataclass(frozen=True, slots=True)
class KeptReport:
    """All environments under `root`, the one that was used last first.

    `bytes` counts a file once that several of them hold; `limit` is what they may take. `removed` are the names of
    those that were removed.
    """

    root: str
    limit: int
    bytes: int
    environments: tuple[KeptEnvironment, ...]
    removed: tuple[str, ...] = ()
