"""What becomes of an item: it passes, is skipped, or fails with the text that the command would show."""

from __future__ import annotations

import io
from typing import NoReturn

import pytest
from rich.console import Console
from rich.text import Text

from harness.core.results.recording import RecordReport, RecordResult, RecordState
from harness.core.results.verdict import CaseResult, Report, Verdict
from harness.pytest_plugin.configs import Unlike
from harness.report.harmless import harmless
from harness.report.reason_words import reason_words
from harness.report.terminal import PLAIN_WIDTH
from harness.report.views.record import record_sections
from harness.report.views.verify import verify_sections
from harness.report.wording import fails

_WRITTEN = frozenset({RecordState.RECORDED, RecordState.UPDATED})


def concluded_verify(report: Report) -> None:
    """Return if the case passes; raises Unlike, or pytest's skip."""
    [case] = report.cases
    if case.verdict is Verdict.SKIPPED:
        _skip(case)
    if fails(case, allow_missing=False, strict=False):
        *sections, _summary = verify_sections(
            report, _console(), quiet=True, allow_missing=False, strict=False
        )
        raise Unlike(_text(sections))


def concluded_record(report: RecordReport, *, accepted: bool) -> None:
    """Return if the golden was written and that is `accepted`, or did not change; raises as `concluded_verify`."""
    [case] = report.cases
    if case.state is RecordState.SKIPPED:
        _skip(case)
    if case.state is RecordState.UNCHANGED or (case.state in _WRITTEN and accepted):
        return
    *sections, _summary = record_sections(report, _console(), quiet=case.state not in _WRITTEN)
    if case.state in _WRITTEN:
        told = f"the golden was {case.state}: {case.golden}; look at it, then run without --goldens-update"
        sections = [[Text(told)], *sections[1:]]
    raise Unlike(_text(sections))


def properties(case: CaseResult) -> list[tuple[str, object]]:
    """Verdict, relation and the metrics of every tensor, for JUnit and other reports of pytest."""
    found: list[tuple[str, object]] = [("verdict", str(case.verdict))]
    found += [("relation", str(case.relation))] if case.relation else []
    for tensor in case.tensors:
        metrics = {name: value for name, value in tensor.metrics.items() if value is not None}
        found += [(f"{tensor.name}.{name}", value) for name, value in metrics.items()]
    return found


def _skip(case: CaseResult | RecordResult) -> NoReturn:
    # At the place of the config: a line of ours says nothing.
    raise pytest.skip.Exception(harmless(reason_words(case.reasons)), _use_item_location=True)


def _console() -> Console:
    return Console(
        file=io.StringIO(), width=PLAIN_WIDTH, color_system=None, markup=False, emoji=False, highlight=False
    )


def _text(sections: list[list[Text]]) -> str:
    blocks = ("\n".join(harmless(line.plain) for line in section) for section in sections if section)
    return "\n\n".join(blocks)
