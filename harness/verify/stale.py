"""In which keys a case's definition differs from the golden's, in words that fit a line of a report."""

from __future__ import annotations

from harness.core.capture import CaptureDocument
from harness.core.case import Case, definition_changes
from harness.core.environment import Change

_WIDTH = 32
"""Characters shown of a value."""


def stale_reason(case: Case, golden: CaptureDocument) -> str:
    """`key: golden's value → now` for every key that differs; long values are shown from where they part."""
    changes = definition_changes(golden.definition, case.definition())
    told = "; ".join(_told(change) for change in changes)
    return told or f"{case.id}: the golden's digest is another, though no key of its definition differs"


def other_weights(golden: CaptureDocument, now: CaptureDocument) -> str:
    """Which components have other weights than the golden was recorded with; "" when none.

    A component that only one side has is no other checkpoint: the pipeline's class has changed.
    """
    shared = sorted(golden.weights.keys() & now.weights.keys())
    changed = [name for name in shared if golden.weights[name] != now.weights[name]]
    if not changed:
        return ""
    told = "; ".join(
        f"{name}: weights sha256 {golden.weights[name][:12]}… → {now.weights[name][:12]}…" for name in changed
    )
    moved = "" if golden.commit == now.commit else f"; commit {golden.commit} → {now.commit}"
    return told + moved


def _told(change: Change) -> str:
    ours, theirs = change.golden or "", change.now or ""
    shared = next((i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), 0)
    start = max(0, shared - _WIDTH // 2) if max(len(ours), len(theirs)) > _WIDTH else 0
    return f"{change.what}: {_shown(change.golden, start)} → {_shown(change.now, start)}"


def _shown(value: str | None, start: int) -> str:
    if value is None:
        return "default"
    cut = value[start : start + _WIDTH]
    return f"{'…' if start else ''}{cut}{'…' if start + _WIDTH < len(value) else ''}"
