"""In which keys a case's definition differs from the golden's, in words that fit a line of a report."""

from __future__ import annotations

from collections.abc import Iterator

from harness.core.capture import CaptureDocument, LoadedFile
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
    """Which components and which files that the config adds are others than the golden was recorded with; "" when none.

    A component that only one side has is no other checkpoint: the pipeline's class has changed.
    """
    return "; ".join(filter(None, (_other_components(golden, now), *_other_files(golden, now))))


def _other_files(golden: CaptureDocument, now: CaptureDocument) -> Iterator[str]:
    """The files of other content, and those that only one side read: then what was added is not the same."""
    for name in sorted(golden.files.keys() | now.files.keys()):
        ours, theirs = golden.files.get(name), now.files.get(name)
        if (ours and ours.sha256) != (theirs and theirs.sha256):
            yield f"{name}: {_digest(ours)} → {_digest(theirs)}"


def _digest(file: LoadedFile | None) -> str:
    if file is None:
        return "not known"
    return f"sha256 {file.sha256[:12]}…" + (f" of commit {file.commit[:12]}" if file.commit else "")


def _other_components(golden: CaptureDocument, now: CaptureDocument) -> str:
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
