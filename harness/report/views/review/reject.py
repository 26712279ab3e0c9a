"""What `harness reject` shows: which failures are remembered, and why the others are not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from harness.codec import to_json
from harness.core.results.review import RejectReport, RejectResult, RejectState
from harness.report.details import Line
from harness.report.harmless import one_line, plain
from harness.report.paint import painted
from harness.report.reason_words import reason_words
from harness.report.wording import count_words, tally

SCHEMA = 1

_WHY = {RejectState.PASSED: "passed, so there is nothing to reject", RejectState.SKIPPED: "was skipped"}


@dataclass(frozen=True, slots=True)
class _Case:
    case: str
    state: str
    platform: str | None
    verdict: str | None
    cause: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class _Document:
    schema: int
    reason: str
    cases: tuple[_Case, ...]


def reject_json(report: RejectReport) -> str:
    """Each case with its state, and the fingerprint of the failure that is remembered."""
    cases = tuple(
        _Case(one.case, one.state, one.platform, one.verdict, one.cause, _why(one)) for one in report.cases
    )
    return to_json(_Document(SCHEMA, report.reason, cases), indent=2) + "\n"


def reject_sections(report: RejectReport, console: Console, *, quiet: bool) -> list[list[Text]]:
    """The sections of the screen: a line per case, then the sum."""
    told = [one for one in report.cases if not quiet or one.state is RejectState.ERROR]
    states = [one.state for one in report.cases]
    counts = tally({state: states.count(state) for state in RejectState if state in states})
    total = Line(f"{count_words(len(states), 'case')}: {counts}", bold=True, hang=0)
    return [painted([line for one in told for line in _lines(one)], console), painted([total], console)]


def _lines(one: RejectResult) -> Iterator[Line]:
    where = f"  ({plain(one.platform)}, {one.verdict})" if one.platform and one.verdict else ""
    yield Line(f"{one.state}  {plain(one.case)}{where}", verdict=one.state)
    if why := _why(one):
        yield Line(one_line(why), indent=2)


def _why(one: RejectResult) -> str:
    return reason_words(one.reasons) or _WHY.get(one.state, "")
