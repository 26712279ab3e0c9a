"""Write a capture into the store as a golden: completely, verified, and in one step."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from harness import files
from harness.core.capture import CaptureDocument
from harness.errors import StoreError
from harness.golden.header import Header, header_bytes
from harness.golden.tensors import TensorFile


def write_accepted(capture: Path, golden: Path, document: CaptureDocument) -> None:
    """Put the tensors of `capture` under `document` and store them as `golden`.

    The bytes go to a temporary sibling, are checked against the document's sha256 on the way, flushed to
    the disk and renamed, so that a kill at any moment leaves the old golden or the new one. Raises
    UnreadableGolden for a damaged capture and StoreError if the folder cannot be written; both leave
    the store as it was.
    """
    try:
        golden.parent.mkdir(parents=True, exist_ok=True)
        files.sweep(golden.parent)
        with TensorFile(capture) as source, files.temporary(golden) as target:
            _copy(source, target, document)
            _publish(Path(target.name), golden)
    except OSError as error:
        raise StoreError(
            f"{golden}: cannot be written ({error.strerror}); free the space or grant the permission, "
            "then run the command again"
        ) from error


def _copy(source: TensorFile, target: BinaryIO, document: CaptureDocument) -> None:
    if document.sha256 != source.document.sha256:
        raise StoreError(
            f"{source.path}: is not the capture to be accepted (its digests differ); record the case again"
        )
    target.write(header_bytes(Header(document, source.tensors)))
    for name in source.tensors:
        for piece in source.raw(name):
            target.write(piece)
    files.flush(target)
    TensorFile(Path(target.name)).close()  # what is about to become a golden must be readable as one


def _publish(temporary: Path, golden: Path) -> None:
    folder = os.open(golden.parent, os.O_RDONLY)
    try:
        temporary.replace(golden)
        os.fsync(folder)
    finally:
        os.close(folder)
