"""What `harness calibrate` shows: how much each variation moved each case, and the resulting limits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from harness.codec import to_json
from harness.core.environment import Environment
from harness.core.measured.calibration import (
    Calibration,
    CalibrationReport,
    CalibrationResult,
    CalibrationState,
    Effect,
    LeftOut,
    VariedRun,
)
from harness.core.tolerance import Relation
from harness.report.alike import alike, alike_details, alone
from harness.report.details import Line, brief, heading
from harness.report.harmless import plain
from harness.report.json_forms import CalibrationForm, in_words
from harness.report.paint import Sheet, painted, word
from harness.report.reason_words import reason_words, step_words
from harness.report.views.stages_table import MOST_COLUMNS, sparkline
from harness.report.wording import count_words, number, seconds_words, summary_line, tally

SCHEMA = 1

HEADINGS = ("variation", "runs", "rel_l2", "max_abs", "one call", "left out")
"""`one call` is the largest error of a boundary under forced replay; `left out` the family's largest value
over the envelope of all other families, which must stay below the factor."""


@dataclass(frozen=True, slots=True)
class _Document:
    schema: int
    environment: Environment | None
    summary: Mapping[str, int]
    cases: tuple[CalibrationForm, ...]


def calibrate_json(report: CalibrationReport) -> str:
    """The calibrations with all their evidence."""
    summary = {str(state): count for state, count in report.summary().items()}
    cases = tuple(in_words(CalibrationForm, case) for case in report.cases)
    return to_json(_Document(SCHEMA, report.environment, summary, cases), indent=2) + "\n"


def calibrate_sections(report: CalibrationReport, console: Console, *, quiet: bool) -> list[list[Text]]:
    """The sections of the screen, top to bottom."""
    summary = painted([Line(_summary(report), bold=True, hang=0)], console)
    errors = [case for case in report.cases if case.state is CalibrationState.ERROR]
    groups = alike(errors)
    top = [painted(alike_details(group), console) for group in groups]
    failed = [*top, *(_failed(case, console) for case in alone(errors, groups))]
    if quiet:
        return [*failed, summary]
    blocks = [_block(case, case.calibration, console) for case in report.cases if case.calibration]
    skipped = [brief(case.case, reason_words(case.reasons)) for case in report.cases if _is_skipped(case)]
    notes = [word("skipped"), *painted(skipped, console)] if skipped else []
    return [*blocks, *failed, notes, painted(_unused(report), console), summary]


def _unused(report: CalibrationReport) -> Iterator[Line]:
    """What to add to the configs that do not use the measured limits, once per file."""
    for one in dict.fromkeys(case.unused for case in report.cases if case.unused):
        what = (
            f"warning: {plain(one.file)} does not use the limits measured for {' and '.join(one.relations)}"
        )
        if not one.yaml:
            yield Line(f"{what}; its matrix sets `tolerance`: write `calibrated` there", verdict="warning")
            continue
        where = "replace its `tolerance` by this" if one.replaces else "add this to it"
        yield Line(f"{what}; {where}:", verdict="warning")
        # Not indented, so that it can be pasted.
        yield from (Line(plain(line), whole=True) for line in one.yaml.splitlines())


def _is_skipped(case: CalibrationResult) -> bool:
    return case.state is CalibrationState.SKIPPED


def _summary(report: CalibrationReport) -> str:
    counts = report.summary()
    unknown = counts.get(CalibrationState.ERROR, 0)
    return summary_line(tally(counts), unknown, len(report.cases), unknown, report.exit_code())


def _failed(result: CalibrationResult, console: Console) -> list[Text]:
    lines = [heading(result.state, result.case), Line(plain(reason_words(result.reasons)), 2)]
    lines += [Line(plain(line), 4, whole=True) for line in result.log]
    lines += [Line(plain(step_words(result.next_steps)), 2)] if result.next_steps else []
    return painted(lines, console)


def _block(result: CalibrationResult, calibration: Calibration, console: Console) -> list[Text]:
    about = calibration.platform, f"{seconds_words(result.seconds)} s"
    return [
        *painted([heading(result.state, result.case, *about)], console),
        *_table(calibration, console),
        *painted(_conclusions(result, calibration, console), console),
    ]


def _table(calibration: Calibration, console: Console) -> list[Text]:
    ratios = {one.family: one for one in calibration.left_out}
    sheet = Sheet(HEADINGS, right=HEADINGS[1:], indent=2)
    for family, runs in _families(calibration.runs).items():
        counted = [run for run in runs if run.effect is Effect.COUNTED]
        if counted:
            ratio = ratios[family].ratio
            calls = [value for run in counted for value in run.boundaries.values()]
            sheet.add(
                family,
                str(len(counted)),
                _worst(counted, "rel_l2"),
                _worst(counted, "max_abs"),
                number(max(calls)) if calls else "-",
                "inf" if ratio is None else f"{ratio:.2g} x",
            )
    return sheet.lines(console)


def _families(runs: Iterable[VariedRun]) -> Mapping[str, list[VariedRun]]:
    families: dict[str, list[VariedRun]] = {}
    for run in runs:
        families.setdefault(run.family, []).append(run)
    return families


def _worst(runs: Sequence[VariedRun], metric: str) -> str:
    values = [noise.metrics.get(metric) for run in runs for noise in run.outputs]
    known = [value for value in values if value is not None]
    return number(max(known)) if known and len(known) == len(values) else "undef."


def _conclusions(result: CalibrationResult, calibration: Calibration, console: Console) -> Iterator[Line]:
    yield from _not_counted(calibration.runs)
    for output in calibration.outputs:
        ours, theirs = (output.for_relation(one) for one in (Relation.SAME_HARDWARE, Relation.CROSS_HARDWARE))
        yield Line(f"{plain(output.output)}: same-hardware {ours}; cross-hardware {theirs} (extrapolated)", 2)
    yield Line(_factor_words(calibration), 2)
    if calibration.amplification is not None:
        error = "the error at the end over the worst error of a single call"
        yield Line(f"amplification {calibration.amplification:.3g}: {error}", 2)
    for growth in calibration.growth:
        curve = sparkline(growth.curve, MOST_COLUMNS, ascii_only=console.options.ascii_only)
        last = number(growth.curve[-1]) if growth.curve else "-"
        yield Line(f"{plain(growth.event)}: {curve} rel_l2 {last} after the last step", 2)
    for weakness in calibration.gates:
        yield Line(f"warning: {plain(str(weakness))}", 2, verdict="warning")
    for warning in result.warnings:
        yield Line(f"warning: {plain(warning)}", 2, verdict="warning")
    yield Line(f"written to {plain(result.path or '')}", 2)


def _not_counted(runs: Sequence[VariedRun]) -> Iterator[Line]:
    """The variations that do not count as evidence, grouped by reason."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for run in runs:
        if run.effect is not Effect.COUNTED or run.reason:
            effect = "replay failed" if run.effect is Effect.COUNTED else str(run.effect)
            reasons.setdefault((effect, run.reason), []).append(run.name)
    for (effect, reason), names in reasons.items():
        yield Line(f"{effect}: {plain(', '.join(names))} ({plain(reason)})", 2)


def _factor_words(calibration: Calibration) -> str:
    """The factor, and the families that the limits of the others would have refused."""
    runs = sum(one.runs for one in calibration.left_out)
    alarms = count_words(calibration.false_alarms, "false alarm")
    named = ", ".join(_alarm_words(one) for one in calibration.left_out if _alarms(one))
    extreme = f"(max_abs: {calibration.max_abs_factor:g} x) " if calibration.max_abs_factor else ""
    return (
        f"limits are {calibration.factor:g} x {extreme}the largest of {count_words(runs, 'run')}; with each kind "
        f"of variation left out in turn: {alarms}{f' ({named})' if named else ''}"
    )


def _alarms(one: LeftOut) -> int:
    return one.false_alarms + one.boundary_alarms


def _alarm_words(one: LeftOut) -> str:
    outputs = [f"{one.false_alarms} at the outputs"] if one.false_alarms else []
    boundaries = [f"{one.boundary_alarms} at boundaries"] if one.boundary_alarms else []
    return f"{one.family}: {' and '.join((*outputs, *boundaries))}"
