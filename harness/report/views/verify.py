"""What `harness verify` shows: the table of verdicts, a block for each failure, the summary."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from harness.core.results.verdict import PASSES, CaseResult, Report, Verdict
from harness.report.alike import alike, alike_details, alone
from harness.report.details import (
    Line,
    brief,
    case_details,
    invariant_summary,
    portability_lines,
    warning_lines,
)
from harness.report.paint import STYLES, Sheet, painted, word
from harness.report.reason_words import reason_words
from harness.report.wording import fails, seconds_words, verdict_summary, worst_words

HEADINGS = ("case", "platform", "relation", "verdict", "worst metric", "seconds")


def verify_sections(
    report: Report, console: Console, *, quiet: bool, allow_missing: bool, strict: bool
) -> list[list[Text]]:
    """The sections of the screen, top to bottom; what stopped several cases at once comes first."""
    failing = [case for case in report.cases if fails(case, allow_missing=allow_missing, strict=strict)]
    groups = alike([case for case in failing if case.verdict is Verdict.ERROR and not case.rejected])
    top = [painted(alike_details(group), console) for group in groups]
    blocks = [painted(case_details(case), console) for case in alone(failing, groups)]
    summary = painted(
        [Line(verdict_summary(report, allow_missing=allow_missing, strict=strict), bold=True, hang=0)],
        console,
    )
    if quiet:
        return [*top, *blocks, summary]
    passing = [case for case in report.cases if case not in failing]
    warnings = painted(warning_lines((case.case, case.warnings) for case in report.cases), console)
    invariants = painted(invariant_summary(report.cases), console)
    portable = painted(portability_lines(report.cases), console)
    table = _table(report.cases, console)
    return [*top, table, *blocks, *_notes(passing, console), invariants, portable, warnings, summary]


def _table(cases: Sequence[CaseResult], console: Console) -> list[Text]:
    if not cases:
        return []
    exact = any(case.exact_findings for case in cases)
    sheet = Sheet((*HEADINGS[:-1], "exact", HEADINGS[-1]) if exact else HEADINGS, right=["seconds"])
    for case in cases:
        cells = (case.case, case.platform or "-", case.relation or "-", word(case.verdict), worst_words(case))
        found = [_exact_words(case)] if exact else []
        sheet.add(*cells, *found, seconds_words(case.seconds))
    return sheet.lines(console)


def _exact_words(case: CaseResult) -> Text:
    """`2 fail`, or `1 noted` if none fails, or nothing without a finding."""
    failing = sum(finding.fails for finding in case.exact_findings)
    if failing:
        return Text(f"{failing} fail", style=STYLES["fails"])
    return Text(f"{len(case.exact_findings)} noted", style=STYLES["noted"]) if case.exact_findings else Text()


def _notes(passing: Sequence[CaseResult], console: Console) -> list[list[Text]]:
    """Notes on cases that do not fail: a line for each one left out, a block for each with findings."""
    left_out = [case for case in passing if case.verdict not in PASSES]
    briefs: dict[str, list[Text]] = {}
    for case in left_out:
        lines = painted([brief(case.case, reason_words(case.reasons))], console)
        briefs.setdefault(case.verdict, [word(case.verdict)]).extend(lines)
    told = [case for case in passing if case.verdict in PASSES and (case.exact_findings or case.reasons)]
    return [*briefs.values(), *(painted(case_details(case), console) for case in told)]
