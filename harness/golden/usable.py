"""Whether a file may judge: the only place that decides which captures can be, or become, a case's golden."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from harness.core.capture import CaptureDocument
from harness.core.case import digest_of
from harness.errors import NotAGolden
from harness.golden.header import RESTORE

_WAYS = ("record", "update", "accept")
"""The actions that can make a capture a golden."""

_REMEDY = f"{RESTORE}, or remove it"


def check_golden(path: Path, document: CaptureDocument, case: str, platform: str) -> None:
    """Raise NotAGolden if the file at `path` is not a golden of this case on this platform.

    `case` and `platform` come from the file's path. A golden of an older definition of the case passes:
    it is stale, which its reader reports.
    """
    reasons = [*unfit(document, case), *_misplaced(document, platform), *_unaccepted(document)]
    if reasons:
        raise NotAGolden(path, f"is not a golden of this case: {'; '.join(reasons)}", _REMEDY)


def unfit(document: CaptureDocument, case: str) -> tuple[str, ...]:
    """Why a capture can never be a golden of `case`, in words that follow "it"; empty if it can."""
    return tuple(_unfit(document, case))


def _unfit(document: CaptureDocument, case: str) -> Iterator[str]:
    if document.case != case:
        yield f"it holds the case {document.case}, not {case}"
    if not _is_own_digest(document):
        yield "its digest is not that of the definition it holds"
    if document.perturbed is not None:
        yield "it holds a run that was perturbed on purpose"
    if document.forced:
        yield "it holds a forced replay"
    if document.draft is not None:
        yield "it is a draft, which `harness accept --confirm` promotes"


def _is_own_digest(document: CaptureDocument) -> bool:
    try:
        return digest_of(document.definition) == document.digest
    except ValueError:  # a non-finite number, which no definition contains
        return False


def _misplaced(document: CaptureDocument, platform: str) -> Iterator[str]:
    if document.environment.platform != platform:
        yield f"it was recorded on {document.environment.platform}, but its name says {platform}"


def _unaccepted(document: CaptureDocument) -> Iterator[str]:
    if document.accepted is None:
        yield "neither `harness record` nor `harness accept` made it one"
    elif document.accepted.how not in _WAYS or document.accepted.runs < 1:
        yield f"it was accepted in an unknown way ({document.accepted.how!r})"
