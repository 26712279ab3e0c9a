"""Proposes captures as drafts, and makes drafts the goldens once they are confirmed."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from harness import __version__
from harness.core.capture import Acceptance
from harness.core.case import Case
from harness.core.history import Confirmation, Decision, Draft
from harness.core.results.measure_reasons import (
    DraftOutdated,
    DraftReplaced,
    GoldenUnchanged,
    OtherDefinition,
)
from harness.core.results.next_step import harness_step
from harness.core.results.reasons import Reason
from harness.core.results.recording import RecordResult, RecordState
from harness.golden.memory.drafts import DRAFT, DraftState, draft_state, read_draft, write_draft
from harness.golden.memory.rejections import drop_ended
from harness.golden.store import GoldenStore
from harness.trials.acceptance import store_golden, weighed
from harness.trials.remembered import next_entry


def propose_capture(case: Case, capture: Path, store: GoldenStore, decision: Decision) -> RecordResult:
    """Store `capture` as the draft of the golden of `case` on its platform. Raises as `accept_capture`.

    A capture that would change nothing is not proposed.
    """
    found = weighed(case, capture, store)
    if isinstance(found, RecordResult) or found.result.state is RecordState.UNCHANGED:
        return found if isinstance(found, RecordResult) else found.result
    older = os.path.lexists(DRAFT.path(found.path))
    entry = next_entry(
        "accept", found.document, replace(found.replaced, rejections=()), decision, found.result
    )
    write_draft(capture, found.path, Draft(found.replaced.sha256, 1, entry))
    return replace(
        found.result,
        state=RecordState.PROPOSED,
        reasons=(*found.result.reasons, *([DraftReplaced()] if older else [])),
        next_steps=(harness_step("to make the draft the golden", "accept", case.id, "--confirm"),),
    )


def confirm_draft(case: Case, platform: str, store: GoldenStore, decision: Decision) -> RecordResult:
    """Make the draft of `case` on this platform the golden, unless the golden or the definition changed since.

    Raises UnreadableGolden for a file that is no draft of the case, otherwise as `accept_capture`.
    """
    with store.held(case.id):
        return _confirmed(case, platform, store, decision)


def _confirmed(case: Case, platform: str, store: GoldenStore, decision: Decision) -> RecordResult:
    golden = store.path(case.id, platform)
    path = DRAFT.path(golden)
    document, draft = read_draft(golden, case.id)
    state = draft_state(golden, draft)
    if state is DraftState.PROMOTED:  # a kill left the draft
        drop_ended(golden, case.id, platform)
        store.remove(path)
        return _bare(case, RecordState.UNCHANGED, platform, golden, GoldenUnchanged())
    if state is DraftState.OUTDATED:
        return _bare(case, RecordState.ERROR, platform, golden, DraftOutdated(str(path)))
    if document.digest != case.digest():
        return _bare(case, RecordState.ERROR, platform, golden, OtherDefinition(str(path)))
    found = weighed(case, path, store)
    if isinstance(found, RecordResult):
        return found
    confirmed = Confirmation(decision.by, decision.at, decision.reason)
    entry = replace(draft.entry, rejections=found.replaced.rejections, confirmed=confirmed)
    store_golden(found, path, store, Acceptance("accept", decision.at, draft.runs, __version__), entry)
    store.remove(path)
    return found.result


def _bare(case: Case, state: RecordState, platform: str, golden: Path, reason: Reason) -> RecordResult:
    steps = (harness_step("", "verify", case.id),) if state is RecordState.ERROR else ()
    return RecordResult(case.id, state, platform, golden.as_posix(), (reason,), 0.0, next_steps=steps)
