"""The JSON of `harness explain`: that of verify, case by case, with the explanation of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime

from harness.codec import to_json
from harness.core.environment import Environment
from harness.core.results.explanation import Explanation, GrowthRow, Suspect
from harness.core.results.verdict import Report
from harness.report.json_forms import CaseForm, case_form
from harness.report.json_report import SCHEMA


@dataclass(frozen=True, slots=True)
class _Explained(CaseForm):
    """A case as in verify's report, with the table of stages, the suspects, and what remains unknown."""

    stages: tuple[GrowthRow, ...] = ()
    suspects: tuple[Suspect, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Explain:
    schema: int
    environment: Environment | None
    summary: Mapping[str, int]
    cases: tuple[_Explained, ...]
    command: str
    started: datetime | None


def explain_json(report: Report, explanations: Sequence[Explanation]) -> str:
    """All explanations as one document; numbers are finite or null."""
    summary = {str(verdict): count for verdict, count in report.summary().items()}
    cases = tuple(map(_explained, explanations))
    document = _Explain(SCHEMA, report.environment, summary, cases, report.command, report.started)
    return to_json(document, indent=2) + "\n"


def _explained(one: Explanation) -> _Explained:
    form = case_form(one.result)
    judged = {field.name: getattr(form, field.name) for field in fields(form)}
    return _Explained(**judged, stages=one.stages, suspects=one.suspects, notes=one.notes)
