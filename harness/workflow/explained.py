"""From a judged case and the files of its runs to its explanation."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from harness.core.case import Case, GeneratorKind
from harness.core.explanation import Explanation
from harness.core.verdict import PASSES, CaseResult, Verdict
from harness.diagnose.explanation import explain, without_traces
from harness.diagnose.suspects import changes
from harness.errors import HarnessError
from harness.golden.tensors import TensorFile
from harness.golden.trace import read_trace

_COMPARED = PASSES | {Verdict.DRIFTED, Verdict.BROKEN, Verdict.STALE}


def with_divergence(case: Case, result: CaseResult, capture: Path) -> CaseResult:
    """A failed case's result with where it began and with what explains that best put first."""
    if result.verdict in PASSES and not result.exact_findings:
        return result
    explanation = explanation_of(case, result, capture)
    changed = tuple(suspect.change for suspect in explanation.suspects)
    known = {change.what for change in result.environment_changes}
    ordered = tuple(change for change in changed if change.what in known)
    return replace(explanation.result, environment_changes=ordered or result.environment_changes)


def explanation_of(case: Case, result: CaseResult, capture: Path, forced: Path | None = None) -> Explanation:
    """Why `result` came out as it did; `capture` and `forced` are the files of the runs, which may be missing."""
    if result.verdict not in _COMPARED or result.golden is None or not capture.exists():
        return without_traces(result)
    try:
        with ExitStack() as stack:
            golden, now = (stack.enter_context(TensorFile(path)) for path in (Path(result.golden), capture))
            if golden.document.digest != now.document.digest:  # two definitions differ by intention
                return without_traces(result)
            replayed = stack.enter_context(TensorFile(forced)) if forced and forced.exists() else None
            return explain(
                result,
                read_trace(golden),
                read_trace(now),
                changes(golden.document, now.document),
                forced=read_trace(replayed) if replayed else None,
                seeded=case.generator is not GeneratorKind.NONE,
            )
    except HarnessError as error:
        return without_traces(replace(result, warnings=(*result.warnings, str(error))))
