"""How a case's definition, or what it was loaded from, differs from the golden's."""

from __future__ import annotations

from collections.abc import Iterator

from harness.core.capture import CaptureDocument, LoadedFile
from harness.core.case import Case, definition_changes
from harness.core.environment import Change
from harness.core.results.reasons import DefinitionChanged, FileChange, WeightsChanged


def other_definition(case: Case, golden: CaptureDocument) -> DefinitionChanged | None:
    """Every key in which the golden's definition differs from the case's; None if they are the same."""
    if golden.digest == case.digest():
        return None
    return DefinitionChanged(case.id, definition_changes(golden.definition, case.definition()))


def other_weights(golden: CaptureDocument, now: CaptureDocument) -> WeightsChanged | None:
    """The components and added files that differ from those the golden was recorded with.

    A component that only one side has does not mean another checkpoint: the pipeline's class has changed. None if
    all are the same.
    """
    components, files = tuple(_components(golden, now)), tuple(_files(golden, now))
    if not (components or files):
        return None
    moved = components and golden.commit != now.commit
    return WeightsChanged(components, Change("commit", golden.commit, now.commit) if moved else None, files)


def _files(golden: CaptureDocument, now: CaptureDocument) -> Iterator[FileChange]:
    """The files whose content differs, and those that only one side read, which means that the additions differ."""
    for name in sorted(golden.files.keys() | now.files.keys()):
        ours, theirs = golden.files.get(name), now.files.get(name)
        there, here = _known(ours), _known(theirs)
        if there[0] != here[0]:
            yield FileChange(name, there[0], here[0], there[1], here[1])


def _known(file: LoadedFile | None) -> tuple[str | None, str | None]:
    return (file.sha256, file.commit) if file else (None, None)


def _components(golden: CaptureDocument, now: CaptureDocument) -> Iterator[Change]:
    for name in sorted(golden.weights.keys() & now.weights.keys()):
        if golden.weights[name] != now.weights[name]:
            yield Change(name, golden.weights[name], now.weights[name])
