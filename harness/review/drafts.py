"""The drafts of cases: which wait, and their promotion."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace

from harness.core.case import Case
from harness.core.history import Decision
from harness.core.results.measure_reasons import NoDraft
from harness.core.results.reasons import Message
from harness.core.results.recording import ListedDraft, RecordResult, RecordState
from harness.core.results.verdict import CaseResult, Report
from harness.errors import HarnessError, UnreadableGolden, UsageError
from harness.golden.memory.drafts import DRAFT, DraftState, draft_state, read_draft
from harness.golden.store import GoldenStore
from harness.report.wording import day_words


def confirmed(
    cases: Sequence[Case], store: GoldenStore, decision: Decision, *, named: bool
) -> tuple[RecordResult, ...]:
    """Promote every draft of `cases`; if the cases were `named`, one without a draft is an error.

    Raises UsageError if no case has a draft.
    """
    drafts = [(case, store.drafts(case.id)) for case in cases]
    if not named:
        drafts = [(case, platforms) for case, platforms in drafts if platforms]
        if not drafts:
            raise UsageError(
                f"{store.root}: no draft of these cases waits; make one with `harness accept --draft`"
            )
    return tuple(
        result for case, platforms in drafts for result in _confirmed(case, platforms, store, decision)
    )


def _confirmed(
    case: Case, platforms: Sequence[str], store: GoldenStore, decision: Decision
) -> Iterator[RecordResult]:
    # Imported lazily: `list` uses this module and needs no numpy.
    from harness.trials.drafting import confirm_draft

    if not platforms:
        yield RecordResult(case.id, RecordState.ERROR, None, None, (NoDraft(),), 0.0)
    for platform in platforms:
        try:
            yield confirm_draft(case, platform, store, decision)
        except HarnessError as error:
            yield RecordResult(case.id, RecordState.ERROR, platform, None, (Message(str(error)),), 0.0)


def listed_drafts(case_id: str, store: GoldenStore) -> tuple[ListedDraft, ...]:
    """The drafts of a case, each with who made it, when and why."""
    return tuple(_listed(case_id, platform, store) for platform in store.drafts(case_id))


def _listed(case_id: str, platform: str, store: GoldenStore) -> ListedDraft:
    golden = store.path(case_id, platform)
    try:
        entry = (draft := read_draft(golden, case_id)[1]).entry
        by = entry.by.name if entry.by else ""
        return ListedDraft(platform, draft_state(golden, draft), by, entry.at, entry.reason)
    except UnreadableGolden as error:
        return ListedDraft(platform, unusable=str(error))


def with_drafts(report: Report, store: GoldenStore) -> Report:
    """The report, in which each case with a waiting draft on its platform has a warning that says so."""
    return replace(report, cases=tuple(_told(result, store) for result in report.cases))


def _told(result: CaseResult, store: GoldenStore) -> CaseResult:
    if result.platform is None:
        return result
    golden = store.path(result.case, result.platform)
    if not os.path.lexists(DRAFT.path(golden)):
        return result
    one = _listed(result.case, result.platform, store)
    if one.state == DraftState.WAITING:
        told = f"a draft by {one.by} of {day_words(one.at)} waits for `harness accept --confirm`"
        return replace(result, warnings=(*result.warnings, told))
    return replace(result, warnings=(*result.warnings, one.unusable)) if one.unusable else result
