"""Write a capture into the store as a golden: whole, verified, and in one step."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from harness import files
from harness.core.capture import CaptureDocument
from harness.errors import StoreError
from harness.golden.header import Header, header_bytes
from harness.golden.tensors import TensorFile


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
        files.sweep(golden.parent)
        with TensorFile(capture) as source, files.temporary(golden) as target:
            _copy(source, target, document)
            return _publish(Path(target.name), golden, replace=replace)
    except OSError as error:
        raise StoreError(
            f"{golden}: cannot be written ({error.strerror}); free the space or grant the permission, "
            "then run the command again"
        ) from error


def _copy(source: TensorFile, target: BinaryIO, document: CaptureDocument) -> None:
    if document.sha256 != source.document.sha256:
        raise StoreError(
            f"{source.path}: is not the capture to be accepted, its digests differ; record the case again"
        )
    target.write(header_bytes(Header(document, source.tensors)))
    for name in source.tensors:
        for piece in source.raw(name):
            target.write(piece)
    files.flush(target)
    TensorFile(Path(target.name)).close()  # what is about to become a golden must be readable as one


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
