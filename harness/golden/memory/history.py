"""The history in a golden's header: read from any golden, also one older than histories, and continued."""

from __future__ import annotations

from harness.core.capture import CaptureDocument
from harness.core.history import Entry
from harness.golden.sidecar import outputs_digest


def history_of(document: CaptureDocument) -> tuple[Entry, ...]:
    """The entries of a golden's history, the latest last.

    A golden older than histories has one entry, which says how and when it was accepted, and not by whom.
    """
    if document.history or document.accepted is None:
        return document.history
    made = document.accepted
    return (Entry(made.how, made.at, None, "", outputs_digest(document)),)
