"""From a judged case and the files of its runs to its explanation."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from harness.core.case import Case
from harness.core.explanation import Explanation, Likelihood, Suspect
from harness.core.next_step import NextSteps, failure_steps, stream_steps
from harness.core.verdict import PASSES, CaseResult, Verdict
from harness.diagnose.explanation import explain, without_traces
from harness.diagnose.suspects import changes
from harness.errors import HarnessError
from harness.golden.beside import Unusable
from harness.golden.tensors import TensorFile
from harness.golden.trace import read_trace
from harness.verify.calibrated import calibration_of

_PACKAGE = "software.packages."

_MOVED_TOLD = 3

_COMPARED = PASSES | {Verdict.DRIFTED, Verdict.BROKEN, Verdict.STALE}


def with_divergence(case: Case, result: CaseResult, capture: Path, forced: Path | None = None) -> CaseResult:
    """A failed case's result with where it began and with what explains that best put first."""
    if result.verdict in PASSES and not result.exact_findings:
        return result
    return explanation_of(case, result, capture, forced).result


def explanation_of(case: Case, result: CaseResult, capture: Path, forced: Path | None = None) -> Explanation:
    """Why `result` came out as it did; `capture` and `forced` are the files of the runs, which may be missing.

    `forced` is the replay that the result's boundaries were judged from.
    """
    found = _explanation(result, capture, forced)
    changed = tuple(suspect.change for suspect in found.suspects)
    known = {change.what for change in result.environment_changes}
    ordered = tuple(change for change in changed if change.what in known) or result.environment_changes
    steps = result.next_steps
    for replayed in (False, True):
        if result.next_steps == failure_steps(case.id, forced=replayed):
            steps = _steps(case, found, forced=replayed)
    told = replace(found.result, environment_changes=ordered, next_steps=steps)
    return replace(found, result=told)


def _steps(case: Case, found: Explanation, *, forced: bool) -> NextSteps:
    if found.own_stream:
        return stream_steps(case.id, case.source, found.own_stream)
    return failure_steps(case.id, _moved(found.suspects), forced=forced)


def _explanation(result: CaseResult, capture: Path, forced: Path | None) -> Explanation:
    if result.verdict not in _COMPARED or result.golden is None or not capture.exists():
        return without_traces(result)
    try:
        with ExitStack() as stack:
            path = Path(result.golden)
            golden, now = (stack.enter_context(TensorFile(one)) for one in (path, capture))
            if golden.document.digest != now.document.digest:  # two definitions differ by intention
                return without_traces(result)
            replayed = stack.enter_context(TensorFile(forced)) if forced and forced.exists() else None
            calibration = calibration_of(path)
            return explain(
                result,
                read_trace(golden),
                read_trace(now),
                changes(golden.document, now.document),
                forced=read_trace(replayed) if replayed else None,
                calibration=None if isinstance(calibration, Unusable) else calibration,
            )
    except HarnessError as error:
        return without_traces(replace(result, warnings=(*result.warnings, str(error))))


def _moved(found: Sequence[Suspect]) -> tuple[str, ...]:
    """The golden's versions of the packages that may have done it, the likeliest first."""
    packages = [
        (one.change.what.removeprefix(_PACKAGE), one.change.golden)
        for one in found
        if one.change.what.startswith(_PACKAGE) and one.likelihood is not Likelihood.UNLIKELY
    ]
    return tuple(f"{name} {version}" for name, version in packages if version)[:_MOVED_TOLD]
