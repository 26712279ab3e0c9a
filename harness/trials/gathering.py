"""Brings the captures of several reports into the output folder of the one that joins them."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from harness import files
from harness.core.results.verdict import CaseResult, FileDigest, Report
from harness.errors import UnreadableGolden
from harness.golden.tensors import file_sha256
from harness.trials.captures import CAPTURES, inside

_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Gathered:
    """The report with its captures where they lie now, and the cases whose captures were not beside their reports."""

    report: Report
    missing: tuple[str, ...]


def gathered(report: Report, folders: Sequence[Path], out: Path) -> Gathered:
    """Copy the captures of `report` from the `folders` of the reports that it joins to the output folder `out`.

    A capture is known by its sha256, so one that has changed is missing. A case that was judged on several platforms
    has a capture for each, named after it. Raises UsageError if a case's id leads out of `out`, StoreError if a
    capture cannot be written.
    """
    counts = Counter(one.case for one in report.cases if one.capture)
    cases, missing = list[CaseResult](), list[str]()
    for result in report.cases:
        capture = result.capture
        if capture is not None:
            name = result.platform if counts[result.case] > 1 else "capture"
            target = inside(out / CAPTURES, result.case, f"{name}.safetensors")
            if source := found_capture(result, folders):
                _copy(source, target)
                capture = FileDigest(target.as_posix(), capture.sha256)
            else:
                missing.append(result.case)
        cases.append(replace(result, capture=capture))
    return Gathered(replace(report, cases=tuple(cases)), tuple(dict.fromkeys(missing)))


def found_capture(result: CaseResult, folders: Sequence[Path]) -> Path | None:
    """The capture that was judged, beside one of the reports or where it was; None if it is gone or has changed."""
    if result.capture is None:
        return None
    for path in _candidates(result.case, result.capture, folders):
        with suppress(UnreadableGolden, OSError):
            if path.is_file() and file_sha256(path) == result.capture.sha256:
                return path
    return None


def _candidates(case: str, capture: FileDigest, folders: Sequence[Path]) -> Iterator[Path]:
    """Beside one of the reports, under the name that it had; else where it was."""
    for folder in folders:
        yield folder / CAPTURES / case / PurePosixPath(capture.path).name
    yield Path(capture.path)


def _copy(source: Path, target: Path) -> None:
    try:
        if target.exists() and target.samefile(source):
            return
        with source.open("rb") as reading, files.replacing(target) as writing:
            shutil.copyfileobj(reading, writing, _PIECE)
    except OSError as error:
        raise files.refusal(target, error) from error
