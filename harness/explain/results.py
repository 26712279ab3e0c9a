"""Explains a judged case from the files of its runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.core.case import Case
from harness.core.environment import Change
from harness.core.results.explanation import Explanation, GrowthRow, Likelihood, Suspect
from harness.core.results.next_step import NextSteps, failure_steps, stream_steps
from harness.core.results.verdict import PASSES, CaseResult, Verdict
from harness.errors import HarnessError
from harness.explain.explanation import explain, without_traces
from harness.explain.suspects import changes
from harness.golden.sidecar import Unusable
from harness.judge.evidence import Evidence, JudgingGolden, Opened

_PACKAGE = "software.packages."

_MOVED_TOLD = 3

_COMPARED = PASSES | {Verdict.DRIFTED, Verdict.BROKEN, Verdict.STALE}


def with_divergence(evidence: Evidence, result: CaseResult) -> CaseResult:
    """A failed case's result with where it began, and with the best explanation first."""
    return with_growth(evidence, result, {})


Growths = dict[str, tuple[GrowthRow, ...]]
"""How the error of each failed case grew, by the case's id."""


def with_growth(evidence: Evidence, result: CaseResult, growths: Growths) -> CaseResult:
    """As `with_divergence`; how the error grew is added to `growths`, so that nobody decodes the traces again."""
    if result.verdict in PASSES and not result.exact_findings:
        return result
    found = explanation_of(evidence, result)
    growths[result.case] = found.stages
    return found.result


def explanation_of(evidence: Evidence, result: CaseResult) -> Explanation:
    """The explanation of `result`, which is based on this evidence."""
    case, found = evidence.case, _explanation(evidence, result)
    changed = tuple(suspect.change for suspect in found.suspects)
    known = {change.what for change in result.environment_changes}
    ordered = tuple(change for change in changed if change.what in known) or result.environment_changes
    steps = result.next_steps
    for replayed in (False, True):
        if result.next_steps == failure_steps(case.id, forced=replayed):
            steps = _steps(case, found, ordered, forced=replayed)
    told = replace(found.result, environment_changes=ordered, next_steps=steps)
    return replace(found, result=told)


def _steps(case: Case, found: Explanation, changed: Sequence[Change], *, forced: bool) -> NextSteps:
    if found.own_stream:
        return stream_steps(case.id, case.source, found.own_stream)
    packages = tuple(one.what.removeprefix(_PACKAGE) for one in changed if one.what.startswith(_PACKAGE))
    return failure_steps(case.id, _moved(found.suspects), suspects=packages, forced=forced)


def _explanation(evidence: Evidence, result: CaseResult) -> Explanation:
    golden, now = evidence.golden, evidence.capture
    if result.verdict not in _COMPARED or not (isinstance(golden, JudgingGolden) and isinstance(now, Opened)):
        return without_traces(result)
    if golden.document.digest != now.document.digest:  # two definitions differ intentionally
        return without_traces(result)
    replayed = evidence.replay.capture if evidence.replay and result.boundaries else None
    try:
        return explain(
            result,
            golden.trace,
            now.trace,
            changes(golden.document, now.document),
            forced=replayed.trace if isinstance(replayed, Opened) else None,
            calibration=None if isinstance(golden.calibration, Unusable) else golden.calibration,
        )
    except HarnessError as error:
        return without_traces(replace(result, warnings=(*result.warnings, str(error))))


def _moved(found: Sequence[Suspect]) -> tuple[str, ...]:
    """The golden's versions of the packages that may have caused it, the most likely first."""
    packages = [
        (one.change.what.removeprefix(_PACKAGE), one.change.golden)
        for one in found
        if one.change.what.startswith(_PACKAGE) and one.likelihood is not Likelihood.UNLIKELY
    ]
    return tuple(f"{name} {version}" for name, version in packages if version)[:_MOVED_TOLD]
