"""What `harness verify --with` shows: what moves, a verdict for each case and candidate, a sentence for each cause."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console
from rich.text import Text

from harness.core.environment import Change
from harness.core.results.verdict import CaseResult, Passing, Report, Verdict
from harness.report.details import Line, next_lines, packages_by_relevance
from harness.report.paint import STYLES, Sheet, painted, word
from harness.report.reason_words import reason_words
from harness.report.wording import count_words, fails, tally, worst_words

_MOST_MOVED = 8
"""Packages that move and are shown by name."""

_MOST_COLUMNS = 4
"""Candidates that are shown side by side; more have a row each."""

_VERDICT = len("identical")

_GAP = 2
"""What a table puts between its columns."""


def candidates_sections(
    reports: Sequence[Report], console: Console, *, quiet: bool, allow_missing: bool, strict: bool
) -> list[list[Text]]:
    """The sections of the screen, top to bottom."""
    passing = Passing(allow_missing, strict)
    heads = [] if quiet else [painted(_moved(report), console) for report in reports]
    table = [] if quiet else [_table(reports, passing, console)]
    causes = [painted(_causes(report, passing, named=len(reports) > 1), console) for report in reports]
    ends = [Line(end, bold=True, hang=0) for end in _ends(reports, passing)]
    return [*heads, *table, *filter(None, causes), painted(ends, console)]


def name_of(report: Report) -> str:
    """What was asked for, in one line."""
    return ", ".join(report.candidate.asked) if report.candidate else "this environment"


def _moved(report: Report) -> Iterator[Line]:
    tried = report.candidate
    assert tried is not None
    yield Line(name_of(report), bold=True, hang=0)
    if not tried.lock:
        return
    asked = [one for one in tried.moved if one.what not in tried.companions]
    companions = [one for one in tried.moved if one.what in tried.companions]
    if asked or not companions:
        yield Line(f"moves {changes_words(asked) or 'nothing'}", 2)
    if companions:
        verb = "has" if len(companions) == 1 else "have"
        packages = f"{count_words(len(companions), 'package')} that nobody asked for"
        yield Line(f"{packages} {verb} to move as well: {changes_words(companions)}", 2)


def changes_words(moved: Sequence[Change]) -> str:
    """The first of these changes by name and how many more there are, "" if there are none."""
    shown = [_change(one) for one in packages_by_relevance(moved)[:_MOST_MOVED]]
    more = len(moved) - len(shown)
    return ", ".join([*shown, *([f"{more} more"] if more > 0 else [])])


def _change(change: Change) -> str:
    return f"{change.what} {change.golden or 'not there'} → {change.now or 'not there'}"


def _table(reports: Sequence[Report], passing: Passing, console: Console) -> list[Text]:
    """A row for each case; a row for each candidate if a column for each would not fit."""
    if len(reports) == 1:
        sheet = Sheet(("case", "verdict", "worst metric", "stage"))
        for case in reports[0].cases:
            sheet.add(case.case, word(case.verdict), worst_words(case), _stage(case))
        return sheet.lines(console)
    if _too_wide(reports, console.width):
        sheet = Sheet(("candidate", "answer", "verdicts"))
        for report in reports:
            sheet.add(name_of(report), _answer(report, passing), tally(report.summary()))
        return sheet.lines(console)
    sheet = Sheet(("case", *map(name_of, reports)))
    for row in zip(*(report.cases for report in reports), strict=True):
        sheet.add(row[0].case, *(word(case.verdict) for case in row))
    return sheet.lines(console)


def _too_wide(reports: Sequence[Report], width: int) -> bool:
    """Whether the columns cannot stand side by side, even if names break between requirements."""
    if len(reports) > _MOST_COLUMNS:
        return True
    columns = [max(len(part) for part in name_of(report).split()) for report in reports]
    cases = max((len(case.case) for case in reports[0].cases), default=0)
    return cases + sum(max(column, _VERDICT) + _GAP for column in columns) > width


def _answer(report: Report, passing: Passing) -> Text:
    go = _code(report, passing) == 0
    return Text("go" if go else "no-go", style=STYLES["identical" if go else "drifted"])


def _code(report: Report, passing: Passing) -> int:
    return report.exit_code(allow_missing=passing.allow_missing, strict=passing.strict)


def _fails(case: CaseResult, passing: Passing) -> bool:
    return fails(case, allow_missing=passing.allow_missing, strict=passing.strict)


def _stage(case: CaseResult) -> str:
    return str(case.first_divergence.stage) if case.first_divergence else "-"


def _causes(report: Report, passing: Passing, *, named: bool) -> Iterable[Line]:
    """One sentence for all cases that fail, or are skipped, for the same reason or from the same place on.

    If `named`, the candidate stands above them.
    """
    groups: dict[tuple[str, str], list[str]] = {}
    for case in report.cases:
        if _fails(case, passing):
            groups.setdefault(("fail", _cause(case)), []).append(case.case)
        elif case.verdict is Verdict.SKIPPED:
            groups.setdefault(("skipped", _cause(case)), []).append(case.case)
    if groups and named:
        yield Line(name_of(report), bold=True, hang=0)
    for (what, cause), cases in groups.items():
        yield Line(f"{_such(len(cases), what)}: {cause}", hang=2)
        yield Line(", ".join(cases), 2)
        if what == "fail":
            # One case stands for all that fail for this reason.
            yield from next_lines(one.next_steps for one in report.cases if one.case == cases[0])


def _such(count: int, what: str) -> str:
    """`1 case fails`, `2 cases are skipped`."""
    cases, one = count_words(count, "case"), count == 1
    if what == "skipped":
        return f"{cases} {'is' if one else 'are'} skipped"
    return f"{cases} {'fails' if one else 'fail'}"


def _cause(case: CaseResult) -> str:
    found = case.first_divergence
    if found is None:
        return reason_words(case.reasons)
    return f"the first difference is in {found.stage} ({found.component}: {found.event})"


def _ends(reports: Sequence[Report], passing: Passing) -> Iterator[str]:
    """A sentence for each candidate, or one for all if there are many."""
    if len(reports) <= _MOST_COLUMNS:
        yield from (_end(report, passing) for report in reports)
        return
    codes = [_code(report, passing) for report in reports]
    good, total = codes.count(0), count_words(len(codes), "candidate")
    if good == len(codes):
        yield f"go: all cases pass under all {total}"
    else:
        yield f"go under {good} of {total}, no-go under {len(codes) - good} (exit code {max(codes)})"


def _end(report: Report, passing: Passing) -> str:
    failing = [case for case in report.cases if _fails(case, passing)]
    total = count_words(len(report.cases), "case")
    code = _code(report, passing)
    if code == 0:
        verb = "passes" if len(report.cases) == 1 else "pass"
        return f"go: {total} {verb} under {name_of(report)}"
    verb = "fails" if len(failing) == 1 else "fail"
    return f"no-go: {len(failing)} of {total} {verb} under {name_of(report)} (exit code {code})"
