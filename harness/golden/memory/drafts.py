"""Drafts: captures proposed as goldens, beside the golden's place; no verify judges by one until it is confirmed."""

from __future__ import annotations

import os
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

from harness.core.capture import SCHEMA_VERSION, CaptureDocument
from harness.core.history import Draft, Entry
from harness.errors import NotAGolden
from harness.golden.accept import write_accepted
from harness.golden.header import read_document
from harness.golden.memory.history import history_of
from harness.golden.sidecar import Kind
from harness.golden.store import DRAFT_SUFFIX
from harness.golden.tensors import file_sha256
from harness.golden.usable import unfit

DRAFT = Kind("draft", DRAFT_SUFFIX, SCHEMA_VERSION, alone=True)


class DraftState(StrEnum):
    """What can become of a draft: it waits, its golden has changed since, or it already is the golden."""

    WAITING = "waiting"
    OUTDATED = "outdated"
    PROMOTED = "promoted"


def write_draft(capture: Path, golden: Path, draft: Draft) -> Path:
    """Store `capture` as the draft for the golden's place; an older draft is replaced. Raises as `write_accepted`."""
    path = DRAFT.path(golden)
    write_accepted(capture, path, replace(read_document(capture), accepted=None, draft=draft))
    return path


def read_draft(golden: Path, case: str) -> tuple[CaptureDocument, Draft]:
    """The document of the draft of `case` for the golden's place, and what makes it one.

    Raises UnreadableGolden for a file that is missing, damaged, or no draft of this case and platform.
    """
    path = DRAFT.path(golden)
    document = read_document(path)
    draft = document.draft
    odd = unfit(replace(document, draft=None), case)
    if draft is None:
        odd = (*odd, "`harness accept --draft` did not make it")
    if f"{document.environment.platform}{DRAFT.suffix}" != path.name:
        odd = (*odd, f"it was made on {document.environment.platform}")
    if odd or draft is None:
        raise NotAGolden(path, f"is no draft of this case: {'; '.join(odd)}", "remove it")
    return document, draft


def draft_state(golden: Path, draft: Draft) -> DraftState:
    """Whether the draft for this golden's place still waits; raises UnreadableGolden."""
    if not os.path.lexists(golden):
        return DraftState.WAITING if draft.golden is None else DraftState.OUTDATED
    if file_sha256(golden) == draft.golden:
        return DraftState.WAITING
    last = [entry for entry in history_of(read_document(golden)) if entry.renamed is None][-1:]
    made = any(_proposed(entry) == draft.entry for entry in last)
    return DraftState.PROMOTED if made else DraftState.OUTDATED


def _proposed(entry: Entry) -> Entry:
    """The entry as it was before a confirmation added to it."""
    return replace(entry, confirmed=None, rejections=())
