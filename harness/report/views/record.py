"""What `harness record` and `harness accept` show: the table of states, and what changed or went wrong."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from harness.core.results.recording import RecordReport, RecordResult, RecordState
from harness.report.alike import alike, alike_details, alone
from harness.report.details import Line, brief, next_lines, record_details, warning_lines
from harness.report.paint import Sheet, painted, word
from harness.report.reason_words import reason_words
from harness.report.wording import seconds_words, summary_line, tally, unfinished_words

HEADINGS = ("case", "platform", "state", "seconds")

FAILURES = frozenset({RecordState.NONDETERMINISTIC, RecordState.BROKEN, RecordState.STALE, RecordState.ERROR})
_BLOCKS = FAILURES | {RecordState.UPDATED, RecordState.PROPOSED}
_UNDECIDED = frozenset({RecordState.LEFT, RecordState.REJECTED})
"""What neither passed nor failed: somebody looked, and did not accept it."""
_SAY_ALL = _BLOCKS | {RecordState.UNCHANGED}


def record_sections(report: RecordReport, console: Console, *, quiet: bool) -> list[list[Text]]:
    """The sections of the screen, top to bottom; what stopped several cases at once comes first."""
    shown = FAILURES if quiet else _BLOCKS
    groups = alike([case for case in report.cases if case.state is RecordState.ERROR])
    top = [painted(alike_details(group), console) for group in groups]
    told = [case for case in alone(report.cases, groups) if case.state in shown]
    blocks = [painted(record_details(case), console) for case in told]
    summary = painted([Line(_summary(report), bold=True, hang=0)], console)
    if quiet:
        return [*top, *blocks, summary]
    warnings = painted(warning_lines((case.case, case.warnings) for case in report.cases), console)
    return [*top, _table(report.cases, console), *blocks, *_notes(report.cases, console), warnings, summary]


def _summary(report: RecordReport) -> str:
    failed = sum(case.state in FAILURES for case in report.cases)
    unknown = sum(case.state is RecordState.ERROR for case in report.cases)
    if {case.state for case in report.cases} & _UNDECIDED and not failed:
        return f"{tally(report.summary())} (exit code {report.exit_code()})"
    line = summary_line(tally(report.summary()), failed, len(report.cases), unknown, report.exit_code())
    return line if report.finished else f"{unfinished_words(report.not_run)}; so far {line}"


def _table(cases: Sequence[RecordResult], console: Console) -> list[Text]:
    if not cases:
        return []
    sheet = Sheet(HEADINGS, right=["seconds"])
    for case in cases:
        sheet.add(case.case, case.platform or "-", word(case.state), seconds_words(case.seconds))
    return sheet.lines(console)


def _notes(cases: Sequence[RecordResult], console: Console) -> list[list[Text]]:
    """A line for each case that neither failed nor changed but has a reason, by state."""
    by_state: dict[RecordState, list[RecordResult]] = {}
    for case in cases:
        if case.state not in _SAY_ALL and case.reasons:
            by_state.setdefault(case.state, []).append(case)
    return [
        [
            word(state),
            *painted([brief(case.case, reason_words(case.reasons)) for case in group], console),
            *painted(next_lines(case.next_steps for case in group), console),
        ]
        for state, group in by_state.items()
    ]
