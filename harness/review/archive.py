"""A .zip of an output folder, such as an artifact of continuous integration; nothing in it decides where files go."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO
from zipfile import BadZipFile, ZipFile, ZipInfo

from harness import files
from harness.errors import UsageError
from harness.trials.captures import REPORT_NAME

_PIECE = 2**20
_LARGEST_REPORT = 2**28
_ALWAYS = 2**30
_FACTOR = 100
"""An archive may unpack to 1 GiB or, if that is more, to 100 times its own size: captures are hardly compressible."""

_CAPTURE_SUFFIX = ".safetensors"
_STEP = "download it again, or unpack it and name the folder"


class Archive:
    """The archive at `path`; what is needed of it is unpacked into the empty folder `into`, under names of our own.

    Its report may lie at the top or in folders, but there must be only one. Raises UsageError for a file that is not
    such an archive, is damaged or encrypted, or unpacks to more than an output folder would.
    """

    def __init__(self, path: Path, into: Path) -> None:
        self.path = path
        self._into = into
        self._unpacked: dict[str, Path] = {}
        try:
            self._zip = ZipFile(path)
        except (BadZipFile, OSError, ValueError) as error:
            raise UsageError(f"{path}: cannot be read as a .zip ({error}); {_STEP}") from error
        self._left = max(_ALWAYS, _FACTOR * path.stat().st_size)
        self._report = self._only_report()

    def report(self) -> bytes:
        """The content of its report."""
        if self._report.file_size > _LARGEST_REPORT:
            raise self._refusal(self._report, f"unpacks to {self._report.file_size} bytes")
        return self._unpack(self._report).read_bytes()

    def captures(self, preferred: str) -> Iterator[Path]:
        """The captures, unpacked as they are asked for; first the one with this path relative to the report."""
        folder = self._report.filename.removesuffix(REPORT_NAME)
        found = [one for one in self._zip.infolist() if one.filename.endswith(_CAPTURE_SUFFIX)]
        found.sort(key=lambda one: one.filename != f"{folder}{preferred}")
        for one in found:
            yield self._unpack(one)

    def close(self) -> None:
        """Close the archive."""
        self._zip.close()

    def _only_report(self) -> ZipInfo:
        found = [one for one in self._zip.infolist() if PurePosixPath(one.filename).name == REPORT_NAME]
        if not found:
            raise UsageError(
                f"{self.path}: holds no {REPORT_NAME}; name a .zip of an output folder of verify"
            )
        if len(found) > 1:
            shown = ", ".join(one.filename for one in found[:3])
            raise UsageError(f"{self.path}: holds several reports ({shown}); unpack it and name one of them")
        return found[0]

    def _unpack(self, member: ZipInfo) -> Path:
        if member.filename in self._unpacked:
            return self._unpacked[member.filename]
        if member.file_size > self._left:
            raise self._refusal(member, "unpacks to far more than its own size")
        self._left -= member.file_size
        target = self._into / f"{len(self._unpacked)}{_CAPTURE_SUFFIX}"
        try:
            with self._zip.open(member) as source, target.open("wb") as file:
                self._copy(source, file, member)
        except (BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
            raise self._refusal(member, f"cannot be unpacked ({error})") from error
        except OSError as error:
            raise files.refusal(target, error, "folder with TMPDIR") from error
        self._unpacked[member.filename] = target
        return target

    def _copy(self, source: IO[bytes], file: IO[bytes], member: ZipInfo) -> None:
        # The size that the archive states may be wrong, so what comes out is counted as well.
        left = member.file_size
        while piece := source.read(_PIECE):
            left -= len(piece)
            if left < 0:
                raise self._refusal(member, "unpacks to more than it states")
            file.write(piece)

    def _refusal(self, member: ZipInfo, why: str) -> UsageError:
        return UsageError(f"{self.path}: {os.fspath(member.filename)} {why}; {_STEP}")
