"""Files in the goldens folder that no longer belong to a case: goldens, intact or damaged, and their sidecars."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.errors import StoreError, UnreadableGolden, UsageError
from harness.golden.calibrations import CALIBRATION
from harness.golden.header import LENGTH_BYTES, METADATA_KEY, read_document
from harness.golden.memory.drafts import DRAFT, DraftState, draft_state, read_draft
from harness.golden.memory.rejections import REJECTIONS
from harness.golden.sensitivities import SENSITIVITY
from harness.golden.sidecar import GOLDEN_SUFFIX, Kind

SIDECARS = (CALIBRATION, SENSITIVITY, REJECTIONS, DRAFT)
"""The kinds of sidecar that belong to a golden, or to its place."""

OF_TESTS = "+tests"
"""The folder of the goldens that tests made with the fixture `goldens`; the id of no config begins like this."""

_PLATFORM = re.compile(r"[a-z]+-[\w.+=-]+")
"""The file names of our goldens, for files whose content no longer tells."""

_OURS = f'{{"__metadata__":{{"{METADATA_KEY}":'.encode()
"""How the header of every file begins that we or the safetensors library wrote with a document of ours."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A golden, a draft or a sidecar: its path, the case it belongs to by its path, its size in bytes.

    `kind` is the kind of sidecar (a draft counts as one), None for the golden.
    """

    path: Path
    case: str
    platform: str
    size: int
    kind: Kind | None = None

    @property
    def golden(self) -> Path:
        """The golden itself, or the golden of the sidecar."""
        return self.kind.golden(self.path) if self.kind else self.path

    @property
    def damaged(self) -> str:
        """Why a golden cannot be read; "" where it can."""
        return "" if self.kind else _damage(self.path)


@dataclass(frozen=True, slots=True)
class Obsolete:
    """A file that no case uses, and the `reason`."""

    file: Stored
    reason: str


def stored(root: Path) -> tuple[Stored, ...]:
    """Every golden under `root` and every sidecar, by path.

    Left out are links, hidden files and foreign files: .safetensors files without a document of ours, and
    unreadable ones that are not named like a platform. Raises StoreError.
    """
    return tuple(sorted(_stored(root), key=lambda one: one.path.parts))


def obsolete(files: Collection[Stored], ids: Collection[str]) -> tuple[Obsolete, ...]:
    """Those of `files` that belong to no case of `ids`."""
    there = {one.path for one in files if one.kind is None}
    return tuple(_obsolete(files, ids, there))


def _obsolete(files: Collection[Stored], ids: Collection[str], there: set[Path]) -> Iterator[Obsolete]:
    for one in files:
        needs_golden = one.kind is not None and not one.kind.alone
        if needs_golden and one.golden not in there and not os.path.lexists(one.golden):
            yield Obsolete(one, f"its golden {one.golden.name} does not exist")
        elif one.case not in ids:
            damage = f", and it {why}" if (why := one.damaged) else ""
            yield Obsolete(one, f"no config gives the case {one.case}{damage}")
        elif one.kind is DRAFT and (why := _never(one)):
            yield Obsolete(one, why)


def _never(draft: Stored) -> str:
    """Why a draft can never be confirmed; "" while it waits."""
    try:
        state = draft_state(draft.golden, read_draft(draft.golden, draft.case)[1])
    except UnreadableGolden as error:
        return error.what.removeprefix(f"{draft.path}: ")
    told = {
        DraftState.OUTDATED: "its golden has changed since",
        DraftState.PROMOTED: "it already is the golden",
    }
    return told.get(state, "")


def waiting(files: Collection[Stored], unused: Collection[Obsolete]) -> tuple[Stored, ...]:
    """The drafts among `files` that wait for their confirmation."""
    gone = {one.file.path for one in unused}
    return tuple(one for one in files if one.kind is DRAFT and one.path not in gone)


def _stored(root: Path) -> Iterator[Stored]:
    for folder, folders, names in os.walk(root, onerror=_refuse):
        # The goldens of tests belong to no config, and only pytest knows those tests.
        folders[:] = [name for name in folders if name != OF_TESTS]
        case = Path(folder).relative_to(root).as_posix()
        for name in names if case != "." else ():
            path = Path(folder, name)
            if not name.startswith(".") and (size := _size_of_file(path)) is not None:
                yield from _of_ours(path, case, size)


def _size_of_file(path: Path) -> int | None:
    """The size in bytes; None for anything but a regular file: a link, a folder, a file that is gone."""
    try:
        status = path.lstat()
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _refuse(error: OSError) -> None:
    if isinstance(error, NotADirectoryError):
        raise UsageError(f"{error.filename}: is not a folder; name the folder of the goldens with --goldens")
    if not isinstance(error, FileNotFoundError):
        raise StoreError(f"{error.filename}: cannot be listed ({error.strerror}); grant the permission")


def _of_ours(path: Path, case: str, size: int) -> Iterator[Stored]:
    for kind in SIDECARS:
        if path.name.endswith(kind.suffix):
            yield Stored(path, case, path.name.removesuffix(kind.suffix), size, kind=kind)
            return
    if path.name.endswith(GOLDEN_SUFFIX):
        platform = path.name.removesuffix(GOLDEN_SUFFIX)
        # Cheapest first: the whole document of every golden of a large store takes seconds.
        named = _PLATFORM.fullmatch(platform) is not None
        if not _is_foreign(path) if named else not _damage(path):
            yield Stored(path, case, platform, size)


def _damage(path: Path) -> str:
    try:
        read_document(path)
    except UnreadableGolden as error:
        return error.what.removeprefix(f"{path}: ")
    return ""


def _is_foreign(path: Path) -> bool:
    """Whether the file is a valid safetensors file that is not ours."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(LENGTH_BYTES), "little")
            if not 0 < length < path.stat().st_size:
                return False
            start = file.read(len(_OURS))
            if start == _OURS:  # parsing the headers of a large store takes seconds
                return False
            entries = json.loads(start + file.read(length - len(start)))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(entries, dict) and METADATA_KEY not in (entries.get("__metadata__") or {})
