"""A verify that was finished earlier, here or elsewhere: its report, and the captures that it judged."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from pydantic import ValidationError

from harness import files
from harness.codec import from_json
from harness.core.case import Case
from harness.core.results.verdict import CaseResult, FileDigest, Report
from harness.errors import UsageError
from harness.golden.tensors import file_sha256
from harness.report import json_report
from harness.review.archive import Archive
from harness.trials.captures import REPORT_NAME, capture_path

_RUN_FIRST = "; run `harness verify` first"
_KINDS = f"a {REPORT_NAME}, an output folder of verify, or a .zip of one"


class Captures(Protocol):
    """Where the captures of a verify lie."""

    def candidates(self, case: Case) -> Iterable[Path]:
        """The files that may be the capture of `case`, the likeliest first."""


@dataclass(frozen=True, slots=True)
class Folder:
    """An output folder, or what became of one: reports that were merged keep their captures in other places."""

    out: Path

    def candidates(self, case: Case) -> Iterator[Path]:
        """The capture's usual place, then every other capture."""
        usual = capture_path(self.out, case)
        yield usual
        yield from sorted(path for path in self.out.rglob("*.safetensors") if path != usual)


@dataclass(frozen=True, slots=True)
class Packed:
    """An archive of an output folder."""

    archive: Archive

    def candidates(self, case: Case) -> Iterator[Path]:
        """The captures in the archive, that in the usual place first."""
        return self.archive.captures(capture_path(Path(), case).as_posix())


@dataclass(frozen=True)
class Judged:
    """The `report` of a verify, called `name` in messages, and its captures."""

    name: str
    report: Report
    captures: Captures

    @cached_property
    def by_case(self) -> Mapping[str, tuple[CaseResult, ...]]:
        """The results by case id; of several platforms, if reports were merged."""
        found = dict[str, tuple[CaseResult, ...]]()
        for result in self.report.cases:
            found[result.case] = (*found.get(result.case, ()), result)
        return found

    def capture(self, case: Case, digest: FileDigest) -> Path | None:
        """The capture of `case` with this digest, wherever it lies; None if there is none."""
        for path in self.captures.candidates(case):
            if path.is_file() and file_sha256(path) == digest.sha256:
                return path
        return None

    def of(self, cases: Sequence[Case], *, named: bool) -> Sequence[Case]:
        """Those of `cases` that are meant: all if they were `named`, else those that the verify was to judge."""
        if named:
            return cases
        meant = {*self.by_case, *self.report.not_run}
        if chosen := [one for one in cases if one.id in meant]:
            return chosen
        raise UsageError(f"{self.name}: lists none of the cases in the configs{_RUN_FIRST}")


@contextmanager
def last_verify(out: Path, origin: Path | None, cases: Sequence[Case]) -> Iterator[Judged]:
    """The last verify in `out` or, if given, the one at `origin`: a report, an output folder, or a .zip of one.

    Raises UsageError, which names each of `cases` as not accepted, if there is no such report.
    """
    if origin is None:
        path = out / REPORT_NAME
        yield Judged(str(path), _read(path, cases), Folder(out))
    elif origin.is_file() and zipfile.is_zipfile(origin):
        yield from _packed(origin, cases)
    else:
        path = _report_in(origin)
        yield Judged(str(path), _read(path, cases), Folder(path.parent))


def _packed(origin: Path, cases: Sequence[Case]) -> Iterator[Judged]:
    with tempfile.TemporaryDirectory(prefix="harness-") as into:
        archive = Archive(origin, Path(into))
        try:
            name = f"{origin}: {REPORT_NAME}"
            yield Judged(name, _report(archive.report(), name, cases), Packed(archive))
        finally:
            archive.close()


def _report_in(origin: Path) -> Path:
    if origin.is_file():
        return origin
    if not origin.is_dir():
        raise UsageError(f"{origin}: no such file or folder; name {_KINDS}")
    if (origin / REPORT_NAME).is_file():
        return origin / REPORT_NAME
    found = sorted(origin.rglob(REPORT_NAME))
    if len(found) != 1:
        many = (
            f"holds several reports ({', '.join(map(str, found[:3]))})"
            if found
            else f"holds no {REPORT_NAME}"
        )
        raise UsageError(f"{origin}: {many}; name {_KINDS}")
    return found[0]


def _read(path: Path, cases: Sequence[Case]) -> Report:
    try:
        return _report(path.read_bytes(), str(path), cases)
    except FileNotFoundError:
        reason = "no such file, so it is unknown what `harness verify` judged"
        raise _refusal(f"{path}: {reason}", cases) from None
    except OSError as error:
        raise _refusal(f"{path}: cannot be read ({files.reason(error)})", cases) from error


@dataclass(frozen=True, slots=True)
class _Head:
    """What tells the report of a verify under other versions."""

    candidate: object = None


def _report(content: bytes, name: str, cases: Sequence[Case]) -> Report:
    try:
        report = json_report.read_report(content, name)
        candidate = from_json(_Head, content).candidate
    except (UsageError, ValidationError) as error:
        raise _refusal(str(error), cases, step="") from error  # it ends with the next step
    if report.command != "verify":
        raise _refusal(f"{name}: is the report of `harness {report.command}`, not of a verify", cases)
    if candidate is not None:
        raise _refusal(f"{name}: is of a verify under other versions, not of what runs here", cases)
    return report


def _refusal(reason: str, cases: Sequence[Case], step: str = _RUN_FIRST) -> UsageError:
    refused = [f"  {case.id}: not accepted" for case in cases]
    return UsageError("\n".join([f"{reason}{step}", *refused]))
