"""What `harness sensitivity` shows: which faults a case catches, through which channel, and which it misses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from harness.codec import to_json
from harness.core.environment import Environment
from harness.core.measured.mutants import MUTANTS
from harness.core.measured.sensitivity import (
    Channel,
    Detection,
    MutantResult,
    MutantState,
    SensitivityReport,
    SensitivityResult,
    SensitivityState,
    Smallest,
)
from harness.core.tolerance import Relation
from harness.report.alike import alike, alike_details, alone
from harness.report.details import Line, brief, heading
from harness.report.harmless import plain
from harness.report.json_forms import SensitivityForm, in_words
from harness.report.paint import Sheet, painted, word
from harness.report.reason_words import reason_words, step_words
from harness.report.wording import number, seconds_words, summary_line, tally

SCHEMA = 1

HEADINGS = ("fault", "strength", *Channel)

SMALLEST_HEADINGS = ("smallest fault caught", "any", Channel.FORCED, Channel.OUTPUTS)

SCORE_HEADINGS = ("relation", "caught", "of", "share", *Channel)


@dataclass(frozen=True, slots=True)
class _Document:
    schema: int
    environment: Environment | None
    summary: Mapping[str, int]
    cases: tuple[SensitivityForm, ...]


def sensitivity_json(report: SensitivityReport) -> str:
    """Every fault with the result of each channel under each relation."""
    summary = {str(state): count for state, count in report.summary().items()}
    cases = tuple(in_words(SensitivityForm, case) for case in report.cases)
    return to_json(_Document(SCHEMA, report.environment, summary, cases), indent=2) + "\n"


def sensitivity_sections(report: SensitivityReport, console: Console, *, quiet: bool) -> list[list[Text]]:
    """The sections of the screen, top to bottom; if `quiet`, only the failing cases and the summary."""
    summary = painted([Line(_summary(report), bold=True, hang=0)], console)
    failing = (SensitivityState.BLUNT, SensitivityState.ERROR)
    shown = [case for case in report.cases if case.state in failing or not quiet]
    groups = alike([case for case in shown if case.state is SensitivityState.ERROR and not case.scores])
    top = [painted(alike_details(group), console) for group in groups]
    blocks = [
        section
        for case in alone(shown, groups)
        for section in (_measured(case, console) if case.scores else [_failed(case, console)])
        if case.state is not SensitivityState.SKIPPED
    ]
    skipped = [
        brief(case.case, reason_words(case.reasons))
        for case in shown
        if case.state is SensitivityState.SKIPPED
    ]
    notes = [word("skipped"), *painted(skipped, console)] if skipped else []
    return [*top, *blocks, notes, summary]


def _summary(report: SensitivityReport) -> str:
    counts = report.summary()
    unknown = counts.get(SensitivityState.ERROR, 0)
    failed = unknown + counts.get(SensitivityState.BLUNT, 0)
    return summary_line(tally(counts), failed, len(report.cases), unknown, report.exit_code())


def _failed(result: SensitivityResult, console: Console) -> list[Text]:
    lines = [
        heading(result.state, result.case, result.platform),
        Line(plain(reason_words(result.reasons)), 2),
    ]
    lines += [Line(plain(line), 4, whole=True) for line in result.log]
    lines += [Line(plain(step_words(result.next_steps)), 2)] if result.next_steps else []
    return painted(lines, console)


def _measured(result: SensitivityResult, console: Console) -> list[list[Text]]:
    about = [heading(result.state, result.case, result.platform, f"{seconds_words(result.seconds)} s")]
    told = reason_words(result.reasons), step_words(result.next_steps)
    about += [Line(plain(words), 2) for words in told if words]
    return [
        [*painted(about, console), *_faults(result, console)],
        _smallest(result.smallest, console),
        painted(_left_out(result), console),
        _scores(result, console),
        painted([Line(f"kept in {plain(result.path)}", 2)] if result.path else [], console),
    ]


def _faults(result: SensitivityResult, console: Console) -> list[Text]:
    """The result of each channel for a fault under `same-hardware`: the margin, or `caught` without one."""
    sheet = Sheet(HEADINGS, right=HEADINGS[1:], indent=2)
    missing = {fault.fault for fault in result.missed(Relation.SAME_HARDWARE)}
    for fault in result.in_state(MutantState.APPLIED):
        by = {one.channel: one for one in fault.sightings if one.relation is Relation.SAME_HARDWARE}
        name = Text(fault.fault, style="bold red" if fault.fault in missing else "")
        sheet.add(name, _strength(fault.strength), *(_cell(by.get(channel)) for channel in Channel))
    return sheet.lines(console)


def _cell(sighting: Detection | None) -> str | Text:
    if sighting is None or (not sighting.caught and sighting.margin is None):
        return Text("-", style="dim")
    if sighting.margin is None:
        return Text("caught", style="green")
    return Text(f"{number(sighting.margin)} x", style="green" if sighting.caught else "dim")


def _smallest(smallest: Sequence[Smallest], console: Console) -> list[Text]:
    if not smallest:
        return []
    sheet = Sheet(SMALLEST_HEADINGS, right=SMALLEST_HEADINGS[1:], indent=2)
    for one in smallest:
        values = (one.any, one.forced, one.outputs)
        sheet.add(one.fault, *("none" if value is None else f"{value:g}" for value in values))
    return sheet.lines(console)


def _left_out(result: SensitivityResult) -> Iterator[Line]:
    """The missed faults and why; then the faults that do not count."""
    for fault in result.missed(Relation.SAME_HARDWARE):
        yield Line(f"missed: {_missed_words(fault)}", 2)
    equivalent = [one.fault for one in result.in_state(MutantState.EQUIVALENT)]
    if equivalent:
        yield Line(f"equivalent (no bit of trace or output changed): {', '.join(equivalent)}", 2)
    for reason, names in _by_reason(result.in_state(MutantState.NOT_APPLICABLE)).items():
        yield Line(f"not applicable ({plain(reason)}): {', '.join(names)}", 2)
    for fault in result.in_state(MutantState.ERROR):
        yield Line(f"error: {fault.fault}: {plain(fault.reason)}", 2, verdict="error")


def _missed_words(fault: MutantResult) -> str:
    about = MUTANTS[fault.fault].description
    strength = "" if fault.strength is None else f", by {fault.strength:g}"
    nearest = fault.nearest(Relation.SAME_HARDWARE)
    if Channel.FORCED in fault.seen_by(Relation.SAME_HARDWARE):
        return f"{fault.fault} ({about}{strength}): only forced replay detects it; set `forced: true`"
    if nearest is None:
        return f"{fault.fault} ({about}{strength})"
    return (
        f"{fault.fault} ({about}{strength}): strongest effect on {plain(nearest.at)}, "
        f"{number(nearest.margin)} of the limit ({nearest.channel})"
    )


def _by_reason(faults: Iterable[MutantResult]) -> Mapping[str, list[str]]:
    reasons: dict[str, list[str]] = {}
    for fault in faults:
        reasons.setdefault(fault.reason, []).append(fault.fault)
    return reasons


def _scores(result: SensitivityResult, console: Console) -> list[Text]:
    sheet = Sheet(SCORE_HEADINGS, right=SCORE_HEADINGS[1:], indent=2)
    for score in result.scores:
        share = "-" if score.share is None else f"{score.share:.1%}"
        each = (str(score.by_channel.get(channel, 0)) for channel in Channel)
        sheet.add(str(score.relation), str(score.caught), str(score.applied), share, *each)
    return sheet.lines(console)


def _strength(strength: float | None) -> str:
    return "-" if strength is None else f"{strength:g}"
