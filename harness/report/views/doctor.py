"""What `harness doctor` shows: each finding with its fix, the worst first, and the count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from rich.console import Console
from rich.text import Text

from harness.codec import to_json
from harness.core.results.doctor import DoctorReport, Finding, Harm
from harness.report.details import Line
from harness.report.paint import painted
from harness.report.wording import count_words

_NAMED = 3


def doctor_sections(report: DoctorReport, console: Console, *, quiet: bool) -> list[list[Text]]:
    """The sections of the screen; if quiet, without those that only judge less."""
    shown = [one for one in report.findings if not quiet or one.harm is not Harm.WEAK]
    blocks = [painted(_lines(one), console) for one in shown]
    return [*blocks, painted([Line(_summary(report), bold=True, hang=0)], console)]


def doctor_json(report: DoctorReport) -> str:
    """The report as JSON."""
    document: Mapping[str, object] = {
        "schema": 1,
        "summary": {str(harm): count for harm, count in report.summary().items()},
        "findings": [asdict(one) for one in report.findings],
        "cases": report.cases,
        "goldens": report.goldens,
    }
    return to_json(document, Mapping[str, object], indent=2)


def _lines(one: Finding) -> list[Line]:
    more = f" and {len(one.places) - _NAMED} more" if len(one.places) > _NAMED else ""
    places = f": {', '.join(one.places[:_NAMED])}{more}" if one.places else ""
    return [Line(f"{one.harm}{places}", hang=0), Line(f"  {one.what}"), Line(f"  fix: {one.fix}")]


def _summary(report: DoctorReport) -> str:
    seen = f"{count_words(report.cases, 'case')} and {count_words(report.goldens, 'golden')}"
    if not report.findings:
        return f"nothing found in {seen} (exit code 0)"
    found = ", ".join(f"{harm}: {count}" for harm, count in report.summary().items())
    return f"{seen}; {found} (exit code {report.exit_code()})"
