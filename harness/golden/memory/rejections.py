"""The rejections stored beside a golden's place: failures that somebody looked at and refused to accept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from harness import files
from harness.codec import from_json, to_json, why_not
from harness.core.history import Rejection
from harness.errors import StoreError, UnreadableGolden
from harness.golden.header import read_document
from harness.golden.sidecar import Kind

REJECTIONS = Kind("rejections", ".rejected.json", 1, alone=True)


@dataclass(frozen=True, slots=True)
class Rejections:
    """The file of a case on a platform; its rejections, the latest last."""

    schema: int
    case: str
    platform: str
    rejections: tuple[Rejection, ...]


def read_rejections(golden: Path) -> tuple[Rejection, ...]:
    """The rejections that stand for the golden with this path, which need not exist; raises StoreError.

    One that the golden's history holds has ended, even if a kill left it in the file.
    """
    path = REJECTIONS.path(golden)
    try:
        found = _parsed(path, path.read_bytes())
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise StoreError(f"{path}: cannot be read ({files.reason(error)}); grant the permission") from error
    ended = _ended(golden)
    return tuple(one for one in found.rejections if one not in ended)


def write_rejections(golden: Path, case: str, platform: str, rejections: tuple[Rejection, ...]) -> Path:
    """Store these rejections, and no others, beside the golden's place; without any, no file. Raises StoreError."""
    path = REJECTIONS.path(golden)
    try:
        if not rejections:
            path.unlink(missing_ok=True)
            return path
        with files.replacing(path) as file:
            found = Rejections(REJECTIONS.schema, case, platform, rejections)
            file.write(f"{to_json(found, indent=1)}\n".encode())
    except OSError as error:
        step = "free the space or grant the permission, then run the command again"
        raise StoreError(f"{path}: cannot be written ({files.reason(error)}); {step}") from error
    return path


def drop_ended(golden: Path, case: str, platform: str) -> None:
    """Remove the rejections that ended from the file, which a kill may have prevented; raises StoreError."""
    write_rejections(golden, case, platform, read_rejections(golden))


def _parsed(path: Path, text: bytes) -> Rejections:
    restore = "restore it from version control, or remove it"
    try:
        found = from_json(Rejections, text)
    except ValidationError as error:
        raise StoreError(f"{path}: is no file of rejections ({why_not(error, text)}); {restore}") from error
    if found.schema != REJECTIONS.schema:
        told = f"has schema {found.schema}, this harness reads {REJECTIONS.schema}"
        raise StoreError(f"{path}: {told}; upgrade the harness")
    return found


def _ended(golden: Path) -> frozenset[Rejection]:
    try:
        history = read_document(golden).history
    except UnreadableGolden:
        return frozenset()
    return frozenset(one for entry in history for one in entry.rejections)
