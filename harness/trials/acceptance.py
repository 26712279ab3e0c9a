"""Make a capture the golden, and report what that changes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from harness import __version__
from harness.core.capture import Acceptance, CaptureDocument
from harness.core.case import Case, definition_changes
from harness.core.environment import changes_between
from harness.core.history import Decision, Entry, TensorDifference
from harness.core.results.measure_reasons import (
    DifferenceAllowed,
    GoldenUnchanged,
    RecordedAgain,
    UnusableReplaced,
)
from harness.core.results.next_step import harness_step
from harness.core.results.reasons import Reason, Reasons
from harness.core.results.recording import RecordResult, RecordState
from harness.core.results.verdict import TensorResult
from harness.core.tolerance import Rule
from harness.core.trace import TRACE_PREFIX
from harness.errors import NotAGolden, UnreadableGolden
from harness.golden.header import read_document
from harness.golden.memory.rejections import drop_ended, write_rejections
from harness.golden.store import GoldenStore
from harness.golden.tensors import TensorFile
from harness.golden.usable import unfit
from harness.judge.evidence import Opened
from harness.judge.outputs.compare import compare_tensors
from harness.judge.outputs.output_checks import OutputChecks, check_outputs
from harness.judge.warned import capture_warnings
from harness.judge.weaknesses import trace_weaknesses
from harness.trials.bitwise import differing
from harness.trials.remembered import Before, before, next_entry

_RUN_PLAIN = "run the case without changes: harness verify"


def accept_capture(
    case: Case,
    capture: Path,
    store: GoldenStore,
    *,
    how: Literal["record", "accept"],
    runs: int,
    decision: Decision,
    noise: tuple[TensorResult, ...] = (),
    seconds: float = 0.0,
) -> RecordResult:
    """Store `capture` as the golden of `case` on its platform; it replaces an older one, whose history it continues.

    Nothing is stored if the outputs could not judge anything; the result's state is then `broken`. Raises
    UnreadableGolden if the capture is damaged, NotAGolden if it holds another case or a deliberately
    changed run, StoreError if the golden cannot be written.
    """
    with store.held(case.id):  # from the reading of the history to its next entry
        found = weighed(case, capture, store, seconds)
        if isinstance(found, RecordResult):
            return found
        if found.result.state is RecordState.UNCHANGED:
            drop_ended(found.path, case.id, found.document.environment.platform)
        else:
            differences = tuple(TensorDifference(tensor.name, tensor.metrics) for tensor in noise)
            entry = next_entry(how, found.document, found.replaced, decision, found.result)
            accepted = Acceptance(how, decision.at, runs, __version__, differences)
            store_golden(found, capture, store, accepted, entry)
    return replace(found.result, reasons=(*found.result.reasons, *_allowed(noise)))


@dataclass(frozen=True, slots=True)
class Weighed:
    """A capture that may become the golden at `path`: its document, what it would change, and what it `replaced`."""

    document: CaptureDocument
    path: Path
    result: RecordResult
    replaced: Before


def weighed(case: Case, capture: Path, store: GoldenStore, seconds: float = 0.0) -> Weighed | RecordResult:
    """What accepting `capture` would change or, as a result, why its outputs could judge nothing.

    Raises as `accept_capture` does.
    """
    with Opened(TensorFile(capture)) as file:
        document, judged, trace = file.document, check_outputs(file.file), file.trace
        platform = document.environment.platform
        if odd := unfit(replace(document, draft=None), case.id):
            raise NotAGolden(capture, f"cannot be a golden: {'; '.join(odd)}", _RUN_PLAIN)
        if judged.refusals:
            return _refused(case, platform, judged, seconds)
        path = store.path(case.id, platform)
        result, replaced = _what_changes(case, file, store, path)
    weak = map(str, trace_weaknesses(trace) if trace else ())
    told = replace(
        result,
        platform=platform,
        golden=path.as_posix(),
        seconds=seconds,
        warnings=(*capture_warnings(case, document), *judged.warnings, *weak),
    )
    return Weighed(document, path, told, replaced)


def store_golden(
    found: Weighed, capture: Path, store: GoldenStore, accepted: Acceptance, entry: Entry
) -> None:
    """Make `capture` the golden, with the history of the one that it replaces and `entry`."""
    store.accept(capture, accepted, (*found.replaced.history, entry))
    # After the golden, whose history now holds them: a kill in between loses nothing.
    write_rejections(found.path, found.document.case, found.document.environment.platform, ())


def _refused(case: Case, platform: str, judged: OutputChecks, seconds: float) -> RecordResult:
    steps = (harness_step(f"fix the pipeline or {case.source}, then run", "record", case.id),)
    return RecordResult(
        case.id, RecordState.BROKEN, platform, None, judged.refusals, seconds, next_steps=steps
    )


def _what_changes(
    case: Case, capture: Opened, store: GoldenStore, golden: Path
) -> tuple[RecordResult, Before]:
    """How the capture differs from the golden that it would replace, as a result without timings; and that golden."""
    if not os.path.lexists(golden):
        return _bare(case, RecordState.RECORDED), before(golden, None)
    try:
        with store.open(golden) as there:
            found, tensors = there.document, compare_tensors(there, capture.file, Rule.EXACT)
    except UnreadableGolden as error:
        return _bare(case, RecordState.UPDATED, UnusableReplaced(error.what)), before(golden, None)
    return _changes(case, found, capture.document, differing(tensors)), before(golden, found)


def _changes(
    case: Case, golden: CaptureDocument, now: CaptureDocument, changed: tuple[TensorResult, ...]
) -> RecordResult:
    definition = definition_changes(golden.definition, now.definition)
    environment = changes_between(golden.environment, now.environment)
    other = _other_changes(golden, now)
    if not (changed or definition or environment or other):
        return _bare(case, RecordState.UNCHANGED, GoldenUnchanged())
    reasons: Reasons = () if changed else (RecordedAgain(other),)
    return RecordResult(
        case.id, RecordState.UPDATED, None, None, reasons, 0.0, changed, definition, environment
    )


def changes_golden(golden: Path, now: CaptureDocument) -> bool:
    """Whether a capture with this document differs from the existing golden, as far as headers tell; false without one.

    A file that cannot be read counts as different.
    """
    if not os.path.lexists(golden):
        return False
    try:
        there = read_document(golden)
    except UnreadableGolden:
        return True
    return (
        (there.sha256, there.text, there.absent) != (now.sha256, now.text, now.absent)
        or there.digest != now.digest
        or bool(changes_between(there.environment, now.environment))
        or bool(_other_changes(there, now))
    )


def _other_changes(
    before: CaptureDocument, document: CaptureDocument
) -> tuple[Literal["trace", "weights"], ...]:
    """What differs between two captures besides outputs, definition and environment."""
    changes: dict[Literal["trace", "weights"], bool] = {
        "trace": _trace_digests(before) != _trace_digests(document),
        "weights": (before.weights, before.commit) != (document.weights, document.commit),
    }
    return tuple(what for what, differs in changes.items() if differs)


def _trace_digests(document: CaptureDocument) -> Mapping[str, str]:
    return {name: digest for name, digest in document.sha256.items() if name.startswith(TRACE_PREFIX)}


def _bare(case: Case, state: RecordState, *reasons: Reason) -> RecordResult:
    return RecordResult(case.id, state, None, None, reasons, 0.0)


def _allowed(noise: tuple[TensorResult, ...]) -> Reasons:
    return (DifferenceAllowed(tuple(tensor.name for tensor in noise)),) if noise else ()
