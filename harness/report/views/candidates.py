"""What `harness verify --with` shows: what moved, a verdict for each case and candidate, a sentence for each cause."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console
from rich.text import Text

from harness.core.environment import Change
from harness.core.results.verdict import CaseResult, Report
from harness.report.details import Line
from harness.report.paint import Sheet, painted, word
from harness.report.reason_words import reason_words
from harness.report.wording import count_words, fails, worst_words

_MOST_MOVED = 8
"""Packages that moved and are shown by name."""


def candidates_sections(
    reports: Sequence[Report], console: Console, *, quiet: bool, allow_missing: bool, strict: bool
) -> list[list[Text]]:
    """The sections of the screen, top to bottom."""
    options = {"allow_missing": allow_missing, "strict": strict}
    heads = [] if quiet else [painted(_moved(report), console) for report in reports]
    table = [] if quiet else [_table(reports, console)]
    causes = [painted(_causes(report, **options), console) for report in reports]
    ends = [Line(_end(report, **options), bold=True, hang=0) for report in reports]
    return [*heads, *table, *filter(None, causes), painted(ends, console)]


def name_of(report: Report) -> str:
    """What was asked for, in one line."""
    return ", ".join(report.candidate.asked) if report.candidate else "this environment"


def _moved(report: Report) -> Iterator[Line]:
    tried = report.candidate
    assert tried is not None
    yield Line(name_of(report), bold=True, hang=0)
    shown = [_change(one) for one in tried.moved[:_MOST_MOVED]]
    more = len(tried.moved) - len(shown)
    if more > 0:
        shown.append(f"{more} more")
    if tried.lock:
        yield Line(f"moves {', '.join(shown)}" if shown else "moves nothing", 2)


def _change(change: Change) -> str:
    return f"{change.what} {change.golden or 'not there'} → {change.now or 'not there'}"


def _table(reports: Sequence[Report], console: Console) -> list[Text]:
    if len(reports) == 1:
        sheet = Sheet(("case", "verdict", "worst metric", "stage"))
        for case in reports[0].cases:
            sheet.add(case.case, word(case.verdict), worst_words(case), _stage(case))
        return sheet.lines(console)
    sheet = Sheet(("case", *map(name_of, reports)))
    for row in zip(*(report.cases for report in reports), strict=True):
        sheet.add(row[0].case, *(word(case.verdict) for case in row))
    return sheet.lines(console)


def _stage(case: CaseResult) -> str:
    return str(case.first_divergence.stage) if case.first_divergence else "-"


def _causes(report: Report, *, allow_missing: bool, strict: bool) -> Iterable[Line]:
    """One sentence for all cases that fail for the same reason, or from the same place on."""
    groups: dict[str, list[str]] = {}
    for case in report.cases:
        if fails(case, allow_missing=allow_missing, strict=strict):
            groups.setdefault(_cause(case), []).append(case.case)
    for cause, cases in groups.items():
        yield Line(
            f"{count_words(len(cases), 'case')} {'fails' if len(cases) == 1 else 'fail'}: {cause}", hang=2
        )
        yield Line(", ".join(cases), 2)


def _cause(case: CaseResult) -> str:
    found = case.first_divergence
    if found is None:
        return reason_words(case.reasons)
    return f"the first difference is in {found.stage} ({found.component}: {found.event})"


def _end(report: Report, *, allow_missing: bool, strict: bool) -> str:
    failing = [case for case in report.cases if fails(case, allow_missing=allow_missing, strict=strict)]
    total = count_words(len(report.cases), "case")
    code = report.exit_code(allow_missing=allow_missing, strict=strict)
    if code == 0:
        verb = "passes" if len(report.cases) == 1 else "pass"
        return f"go: {total} {verb} under {name_of(report)}"
    verb = "fails" if len(failing) == 1 else "fail"
    return f"no-go: {len(failing)} of {total} {verb} under {name_of(report)} (exit code {code})"
