"""What is remembered when a capture becomes the golden: the next entry of the history, and what it continues."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from harness.core.capture import CaptureDocument
from harness.core.history import Decision, Entry, Rejection, TensorDifference, furthest
from harness.core.results.recording import RecordResult
from harness.golden.memory.history import history_of
from harness.golden.memory.rejections import read_rejections
from harness.golden.sidecar import outputs_digest
from harness.golden.tensors import file_sha256


@dataclass(frozen=True, slots=True)
class Before:
    """The file in the golden's place: its sha256, None if there is none, and its history if it can be read.

    `rejections` are those that stand; they end when another golden takes the place.
    """

    sha256: str | None = None
    history: tuple[Entry, ...] = ()
    rejections: tuple[Rejection, ...] = ()


def before(golden: Path, document: CaptureDocument | None) -> Before:
    """What a new golden at this path replaces; `document` is the old one's, None if that is missing or unreadable."""
    rejections = read_rejections(golden)
    if not os.path.lexists(golden):
        return Before(rejections=rejections)
    return Before(file_sha256(golden), history_of(document) if document else (), rejections)


def next_entry(
    how: str, document: CaptureDocument, replaced: Before, decision: Decision, result: RecordResult
) -> Entry:
    """The entry for a capture with this document; `result` says how it differs from the golden that it replaces."""
    measured = tuple(TensorDifference(tensor.name, tensor.metrics) for tensor in result.tensors)
    return Entry(
        how,
        decision.at,
        decision.by,
        decision.reason,
        outputs_digest(document),
        replaced.sha256,
        decision.verdict,
        decision.cause,
        furthest(decision.metrics or measured),
        result.definition_changes,
        result.environment_changes,
        replaced.rejections,
    )
