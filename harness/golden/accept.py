"""Write a capture into the store as a golden: whole, verified, and in one step."""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from harness.core.capture import CaptureDocument
from harness.errors import StoreError
from harness.golden.header import Header, header_bytes
from harness.golden.tensors import TensorFile

_TEMPORARY_PREFIX = ".golden-"
_TEMPORARY_SUFFIX = ".tmp"

_ABANDONED_AFTER = 3600.0  # seconds; a process that still writes touches its file far more often


@dataclass(frozen=True, slots=True)
class Accepted:
    """The golden now lies at `path`; `replaced` says whether there was one before."""

    path: Path
    replaced: bool


@dataclass(frozen=True, slots=True)
class Exists:
    """Nothing was written: there is a golden at `path` and it was not to be replaced."""

    path: Path


def write_accepted(
    capture: Path, golden: Path, document: CaptureDocument, *, replace: bool = True
) -> Accepted | Exists:
    """Put the tensors of `capture` under `document` and store them as `golden`.

    The bytes go to a temporary sibling, are checked against the document's sha256 on the way, flushed to
    the disk and renamed, so that a kill at any moment leaves the old golden or the new one. Raises
    UnreadableGolden for a damaged capture and StoreError where the folder cannot be written; both leave
    the store as it was.
    """
    try:
        if not replace and golden.exists():
            return Exists(golden)
        golden.parent.mkdir(parents=True, exist_ok=True)
        _sweep(golden.parent)
        with TensorFile(capture) as source, _temporary(golden) as temporary:
            _copy(source, temporary, document)
            return _publish(temporary, golden, replace=replace)
    except OSError as error:
        raise StoreError(
            f"{golden}: cannot be written ({error.strerror}); free the space or grant the permission, "
            "then run the command again"
        ) from error


@contextmanager
def _temporary(golden: Path) -> Iterator[Path]:
    path = golden.with_name(f"{_TEMPORARY_PREFIX}{secrets.token_hex(8)}{_TEMPORARY_SUFFIX}")
    try:
        yield path
    finally:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _copy(source: TensorFile, target: Path, document: CaptureDocument) -> None:
    if document.sha256 != source.document.sha256:
        raise StoreError(
            f"{source.path}: is not the capture to be accepted, its digests differ; record the case again"
        )
    with target.open("xb") as file:
        file.write(header_bytes(Header(document, source.tensors)))
        for name in source.tensors:
            for piece in source.raw(name):
                file.write(piece)
        _flush(file)
    TensorFile(target).close()  # what is about to become a golden must be readable as one


def _flush(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _publish(temporary: Path, golden: Path, *, replace: bool) -> Accepted | Exists:
    with _locked(golden.parent) as folder:
        existed = golden.exists()
        if existed and not replace:
            return Exists(golden)
        temporary.replace(golden)
        os.fsync(folder)
    return Accepted(golden, replaced=existed)


@contextmanager
def _locked(folder: Path) -> Iterator[int]:
    """The open folder, locked against other processes that look first and rename then."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems lock no folders; the rename stays atomic there
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _sweep(folder: Path) -> None:
    """Remove what killed processes left behind."""
    for path in folder.glob(f"{_TEMPORARY_PREFIX}*{_TEMPORARY_SUFFIX}"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _ABANDONED_AFTER:
                path.unlink()
