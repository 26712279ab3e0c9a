"""The goldens folder: find the golden that judges a case, accept a capture, remove a file."""

from __future__ import annotations

import dataclasses
import platform as machine_platform
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from harness import files
from harness.core.capture import Acceptance, CaptureDocument
from harness.core.case import Case
from harness.core.history import Entry
from harness.core.tolerance import Rule
from harness.errors import NotAGolden, StoreError
from harness.golden.accept import write_accepted
from harness.golden.header import read_document
from harness.golden.tensors import TensorFile
from harness.golden.usable import check_golden

SUFFIX = ".safetensors"
DRAFT_SUFFIX = f".draft{SUFFIX}"


@dataclass(frozen=True, slots=True)
class Found:
    """The golden that judges: its path, its platform, and `why` another platform's was taken ("" if none was)."""

    path: Path
    platform: str
    nearest: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class Missing:
    """No golden may judge on `platform`; the case refuses the existing goldens of `platforms`."""

    platform: str
    platforms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GoldenStore:
    """The goldens under `root`, each at `<case id>/<platform>.safetensors`."""

    root: Path

    def path(self, case_id: str, platform: str) -> Path:
        """The path of the golden of a case on a platform; raises StoreError for names that leave the root."""
        parts = PurePosixPath(case_id).parts
        if not parts or "/".join(parts) != case_id or ".." in parts or "\0" in case_id or parts[0] == "/":
            raise StoreError(
                f"{case_id!r}: invalid case id: must be a relative path without `..`; fix the id"
            )
        if not re.fullmatch(r"[\w+=-][\w.+=-]*", platform):
            raise StoreError(
                f"{platform!r}: invalid platform: expected one like cpu-x86_64 or cuda-sm90; fix the name"
            )
        return self.root.joinpath(*parts, f"{platform}{SUFFIX}")

    def platforms(self, case_id: str) -> tuple[str, ...]:
        """The platforms that have a golden of this case, in alphabetical order; raises StoreError."""
        names = self._names(case_id)
        return tuple(sorted(name.removesuffix(SUFFIX) for name in names if not _is_draft(name)))

    def _names(self, case_id: str) -> list[str]:
        folder = self.path(case_id, "any").parent
        try:
            return [entry.name for entry in folder.iterdir() if _is_golden_name(entry)]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise _unlistable(folder, error) from error

    def drafts(self, case_id: str) -> tuple[str, ...]:
        """The platforms that have a draft of this case, in alphabetical order; raises StoreError."""
        return tuple(
            sorted(name.removesuffix(DRAFT_SUFFIX) for name in self._names(case_id) if _is_draft(name))
        )

    def find(self, case: Case, platform: str) -> Found | Missing:
        """The golden that judges `case` on `platform`.

        That is the platform's own or, if the case's `cross-hardware` tolerance is not `refuse`, the
        nearest by `nearest_platform`. Raises StoreError if the folder cannot be read.
        """
        exact = self.path(case.id, platform)
        there = self.platforms(case.id)
        if platform in there:
            return Found(exact, platform, nearest=False)
        if not there or case.tolerance.cross_hardware is Rule.REFUSE:
            return Missing(platform, there)
        name, kinship = nearest_platform(platform, there, machine_platform.machine().lower())
        why = f"{platform} has no golden of its own; {name} is the nearest ({kinship})"
        return Found(self.path(case.id, name), name, nearest=True, why=why)

    def held(self, case_id: str) -> AbstractContextManager[None]:
        """Hold the folder of a case, so that no other process changes what it remembers meanwhile; never twice."""
        return files.held(self.path(case_id, "any").parent)

    def document(self, path: Path) -> CaptureDocument:
        """The document of the golden at `path`.

        Raises UnreadableGolden, and NotAGolden if the file is not a golden of the case and platform that its
        path names.
        """
        document = read_document(path)
        self._check(path, document)
        return document

    def open(self, path: Path) -> TensorFile:
        """The golden at `path`, to be closed by the caller; raises as `document` does."""
        file = TensorFile(path)
        try:
            self._check(path, file.document)
        except NotAGolden:
            file.close()
            raise
        return file

    def _check(self, path: Path, document: CaptureDocument) -> None:
        case = path.parent.relative_to(self.root).as_posix()
        check_golden(path, document, case, path.name.removesuffix(SUFFIX))

    def accept(self, capture: Path, acceptance: Acceptance, history: tuple[Entry, ...] = ()) -> Path:
        """Store `capture` as the golden of the case and platform that its document names; returns the golden's path.

        `history` is the golden's from then on. An existing golden is replaced. Raises UnreadableGolden for a damaged
        capture and StoreError if the folder cannot be written; both leave the store as it was.
        """
        document = read_document(capture)
        golden = self.path(document.case, document.environment.platform)
        accepted = dataclasses.replace(document, accepted=acceptance, history=history, draft=None)
        write_accepted(capture, golden, accepted)
        return golden

    def remove(self, path: Path) -> None:
        """Delete the file at `path` and the folders that become empty; raises StoreError."""
        if self.root not in path.parents:
            raise StoreError(f"{path}: lies outside {self.root}; name a golden of this store")
        try:
            path.unlink()
        except OSError as error:
            raise StoreError(f"{path}: cannot be deleted ({error.strerror}); grant the permission") from error
        for folder in list(path.relative_to(self.root).parents)[:-1]:
            try:
                (self.root / folder).rmdir()
            except OSError:  # not empty
                return


def nearest_platform(platform: str, there: Sequence[str], machine: str) -> tuple[str, str]:
    """The platform in `there` that is nearest to `platform`, and their kinship in words.

    The order: the same kind of device, by the distance of the compute capability (the lower one of two
    equally far); a CPU of the architecture `machine`; any CPU; any other; alphabetical among equals.
    """
    ranked = sorted((*_rank(platform, name, machine), name) for name in there)
    kinships = ("the same kind of device", f"a CPU of the architecture {machine}", "a CPU", "another device")
    return ranked[0][-1], kinships[ranked[0][0]]


def _rank(platform: str, name: str, machine: str) -> tuple[int, int, int]:
    device = name.partition("-")[0]
    if device == platform.partition("-")[0]:
        ours, theirs = _capability(platform), _capability(name)
        return (0, 10**6, 0) if ours is None or theirs is None else (0, abs(ours - theirs), theirs)
    if device == "cpu":
        return (1 if name == f"cpu-{machine}" else 2, 0, 0)
    return (3, 0, 0)


def _capability(platform: str) -> int | None:
    found = re.search(r"-sm(\d+)", platform)
    return int(found[1]) if found else None


def _is_golden_name(path: Path) -> bool:
    return path.name.endswith(SUFFIX) and not path.name.startswith(".")


def _is_draft(name: str) -> bool:
    return name.endswith(DRAFT_SUFFIX)


def _unlistable(folder: Path, error: OSError) -> StoreError:
    return StoreError(f"{folder}: cannot be listed ({error.strerror}); grant the permission or fix the path")
