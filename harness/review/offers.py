"""Offers to move the golden of a case that is gone to a case of the same definition that has none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from harness.config.load import load_files
from harness.core.results.next_step import rename_step
from harness.core.results.reasons import NoGolden
from harness.core.results.verdict import CaseResult, Report, Verdict
from harness.errors import HarnessError
from harness.golden.obsolete import stored
from harness.golden.renamed import renamed


def offered(configs: Path, goldens: Path) -> Mapping[str, str]:
    """The old id of each case that was probably renamed, by its new id; empty if the folders cannot be read."""
    try:
        files = stored(goldens)
        if not files:
            return {}
        loaded = load_files(configs)
    except HarnessError:
        return {}
    ids = {name.id for file in loaded for name in file.names}
    broken = {name.id.partition("@")[0] for file in loaded if file.problems for name in file.names}
    cases = [case for file in loaded for case in file.cases]
    return renamed(files, ids | {case.id for case in cases}, cases, broken)


def with_offers(report: Report, configs: Path, goldens: Path) -> Report:
    """The report, in which a case without golden that was probably renamed has the step that moves its golden."""
    if not any(map(_lacks_golden, report.cases)):
        return report
    found = offered(configs, goldens)
    return replace(report, cases=tuple(_with_offer(result, found) for result in report.cases))


def _with_offer(result: CaseResult, found: Mapping[str, str]) -> CaseResult:
    if result.case not in found or not _lacks_golden(result):
        return result
    return replace(result, next_steps=(rename_step(found[result.case], result.case), *result.next_steps))


def _lacks_golden(result: CaseResult) -> bool:
    """Whether the case has no golden at all, of no platform."""
    missing = (one for one in result.reasons if isinstance(one, NoGolden))
    return result.verdict is Verdict.NO_GOLDEN and any(not one.platforms for one in missing)
