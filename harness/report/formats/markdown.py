"""The verdicts as Markdown, for pull requests and the summary pages of continuous integration."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from harness.core.environment import Environment
from harness.core.results.verdict import PASSES, CaseResult, Report, Verdict
from harness.report.alike import Alike, alike, alike_details, alone
from harness.report.details import case_details, portability_lines, text_of, warning_lines
from harness.report.harmless import plain
from harness.report.reason_words import reason_words
from harness.report.wording import count_words, fails, seconds_words, verdict_summary, worst_words

_HEADINGS = ("case", "platform", "relation", "verdict", "worst metric", "seconds")

_SPECIAL = re.compile(r"([\\`*_\[\]<>|~&$])")

# What GitHub and GitLab turn into a mention, a reference or a link.
_LINKED = re.compile(r"(?<!\w)@(?=\w)|#(?=\d)|:(?=//)|\bwww(?=\.)|\bGH-(?=\d)", re.IGNORECASE)

_PACKAGES = ("torch", "diffusers", "transformers")


def markdown(report: Report, *, allow_missing: bool = False, strict: bool = False) -> str:
    """The summary, a table of all cases, and for each failure its details; foreign text is escaped."""
    failing = [case for case in report.cases if fails(case, allow_missing=allow_missing, strict=strict)]
    left_out = [case for case in report.cases if case not in failing and case.verdict not in PASSES]
    warnings = warning_lines((case.case, case.warnings) for case in report.cases)
    groups = alike([case for case in failing if case.verdict is Verdict.ERROR])
    sections = [
        "## harness verify",
        f"**{_escaped(verdict_summary(report, allow_missing=allow_missing, strict=strict))}**",
        _environment(report.environment),
        *(_shared(group) for group in groups),
        _table(report.cases),
        *(_failure(case) for case in alone(failing, groups)),
        _bullets(
            f"{case.verdict} {_code(case.case)}: {_escaped(reason_words(case.reasons))}" for case in left_out
        ),
        _bullets(_escaped(line.text) for line in portability_lines(report.cases)),
        _bullets(_escaped(line.text) for line in warnings),
    ]
    return "\n\n".join(filter(None, sections)) + "\n"


def _environment(environment: Environment | None) -> str:
    if environment is None:
        return ""
    versions = environment.software.packages
    known = [f"{name} {versions[name]}" for name in _PACKAGES if name in versions]
    return _escaped(", ".join([environment.platform, *known]))


def _table(cases: Sequence[CaseResult]) -> str:
    if not cases:
        return ""
    lines = [_row(_HEADINGS), "| --- | --- | --- | --- | --- | ---: |"]
    return "\n".join([*lines, *(_row(_cells(case)) for case in cases)])


def _cells(case: CaseResult) -> tuple[str, ...]:
    return (
        # Inside a table, an unescaped bar ends the cell even in a code span.
        _code(case.case).replace("|", "\\|"),
        _escaped(case.platform or "-"),
        _escaped(case.relation or "-"),
        _escaped(case.verdict) if case.verdict in PASSES else f"**{_escaped(case.verdict)}**",
        _escaped(worst_words(case)),
        seconds_words(case.seconds),
    )


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _shared(group: Alike) -> str:
    heading = f"### {Verdict.ERROR}: {count_words(len(group.cases), 'case')}"
    return f"{heading}\n\n{_fenced(text_of(alike_details(group)))}"


def _failure(case: CaseResult) -> str:
    return f"### {case.verdict}: {_code(case.case)}\n\n{_fenced(text_of(case_details(case)))}"


def _fenced(details: str) -> str:
    fence = "`" * max(3, _longest_run(details) + 1)
    return f"{fence}text\n{details}\n{fence}"


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _code(text: str) -> str:
    """A code span, fenced by more backticks than the longest run in the text."""
    line = " ".join(plain(text).split())
    fence = "`" * (_longest_run(line) + 1)
    space = " " if "`" in line else ""
    return f"{fence}{space}{line}{space}{fence}"


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)


def _escaped(text: str) -> str:
    """One line in which no character has a meaning in Markdown or HTML, and nothing links or mentions anyone."""
    line = _SPECIAL.sub(r"\\\1", " ".join(plain(text).split()))
    # An empty comment is invisible and separates what would otherwise be read as a unit.
    return _LINKED.sub(r"\g<0><!-- -->", line)
