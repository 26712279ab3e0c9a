"""What `harness repeat` shows: which cases are deterministic, and how far apart the runs of the others are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.text import Text

from harness.core.flags import Flags
from harness.core.results.recording import Distance, RepeatReport, RepeatResult
from harness.report.alike import alike, alike_details, alone
from harness.report.details import Line, brief, repeat_details
from harness.report.harmless import plain
from harness.report.paint import Sheet, painted, word
from harness.report.reason_words import reason_words
from harness.report.wording import (
    NOT_DETERMINISTIC,
    count_words,
    number,
    repeat_summary,
    repeat_verdict,
    seconds_words,
    summary_line,
    tally,
)

HEADINGS = ("case", "platform", "runs", "verdict", "L-infinity", "seconds")

MOST_RUNS_IN_MATRIX = 8


def repeat_sections(report: RepeatReport, console: Console, *, quiet: bool) -> list[list[Text]]:
    """The sections of the screen, top to bottom; what stopped several cases at once comes first."""
    groups = alike([case for case in report.cases if case.deterministic is None and not case.skipped])
    top = [painted(alike_details(group), console) for group in groups]
    told = [case for case in alone(report.cases, groups) if not case.deterministic and not case.skipped]
    blocks = [_block(case, console) for case in told]
    summary = painted([Line(_summary(report), bold=True, hang=0)], console)
    if quiet:
        return [*top, *blocks, summary]
    apart = painted([line for case in report.cases for line in _apart_lines(case)], console)
    skipped = [brief(case.case, reason_words(case.reasons)) for case in report.cases if case.skipped]
    notes = [word("skipped"), *painted(skipped, console)] if skipped else []
    return [*top, _table(report.cases, console), *blocks, apart, notes, summary]


def _summary(report: RepeatReport) -> str:
    counts = repeat_summary(report)
    unknown = counts.get("error", 0)
    failed = counts.get(NOT_DETERMINISTIC, 0) + unknown
    return summary_line(tally(counts), failed, len(report.cases), unknown, report.exit_code())


def _table(cases: Sequence[RepeatResult], console: Console) -> list[Text]:
    if not cases:
        return []
    # Without `--flags`, every case has its own switches, and the column would be useless.
    told = any(case.flags is Flags.OFF for case in cases)
    headings = (*HEADINGS[:2], "flags", *HEADINGS[2:]) if told else HEADINGS
    sheet = Sheet(headings, right=["runs", "L-infinity", "seconds"])
    for case in cases:
        verdict, seconds = word(repeat_verdict(case)), seconds_words(case.seconds)
        distance = "-" if case.deterministic is None else number(_largest(case.distances))
        flags = [case.flags] if told else []
        sheet.add(case.case, case.platform or "-", *flags, str(case.runs), verdict, distance, seconds)
    return sheet.lines(console)


def _block(result: RepeatResult, console: Console) -> list[Text]:
    texts = painted(repeat_details(result, repeat_verdict(result)), console)
    for tensor in dict.fromkeys(distance.tensor for distance in result.distances if not distance.identical):
        of_tensor = [distance for distance in result.distances if distance.tensor == tensor]
        texts += painted([Line(_tensor_words(tensor, of_tensor), indent=2)], console)
        if result.runs <= MOST_RUNS_IN_MATRIX:
            texts += _matrix(of_tensor, result.runs, console)
    return texts + painted(_switch_lines(result), console)


def _switch_lines(result: RepeatResult) -> list[Line]:
    """Which single switch makes the runs agree, and what each of the others does."""
    if not result.switches:
        return []
    made = [trial.switch for trial in result.switches if trial.deterministic]
    told = (
        f"{' or '.join(made)} alone makes the runs agree" if made else "no switch alone makes the runs agree"
    )
    lines = [Line(f"with all switches off but one: {told}", indent=2)]
    for trial in result.switches:
        if not trial.deterministic:
            distance = (
                "a run failed" if trial.deterministic is None else f"L-infinity {number(trial.max_abs)}"
            )
            lines.append(Line(f"{trial.switch}: {distance}", indent=4))
    return lines


def _apart_lines(result: RepeatResult) -> list[Line]:
    """The distance between the runs with flags off and those with flags on."""
    if not result.apart:
        return []
    differing = [distance for distance in result.apart if not distance.identical]
    told = ", ".join(f"{plain(one.tensor)} L-infinity {number(one.max_abs)}" for one in differing)
    return [brief(f"{result.case}, flags off against on", told or "bit-identical")]


def _tensor_words(tensor: str, distances: Sequence[Distance]) -> str:
    differing = [distance for distance in distances if not distance.identical]
    shares = [distance.mismatched for distance in differing if distance.mismatched is not None]
    share = f", up to {100 * max(shares):.3g} % of the elements differ" if shares else ""
    pairs = f"{len(differing)} of {count_words(len(distances), 'pair')} of runs differ"
    return f"{plain(tensor)}: L-infinity {number(_largest(distances))}, {pairs}{share}"


def _largest(distances: Iterable[Distance]) -> float | None:
    """The largest distance; None if one is undefined."""
    values = [math.inf if distance.max_abs is None else distance.max_abs for distance in distances]
    largest = max(values, default=0.0)
    return None if math.isinf(largest) else largest


def _matrix(distances: Sequence[Distance], runs: int, console: Console) -> list[Text]:
    cells = {(distance.first, distance.second): _cell(distance) for distance in distances}
    names = [str(run) for run in range(1, runs + 1)]
    sheet = Sheet(["run", *names], right=names, indent=4)
    for row in range(1, runs + 1):
        sheet.add(names[row - 1], *(_between(row, column, cells) for column in range(1, runs + 1)))
    return sheet.lines(console)


def _between(row: int, column: int, cells: dict[tuple[int, int], str]) -> str:
    return "." if row == column else cells.get((min(row, column), max(row, column)), "-")


def _cell(distance: Distance) -> str:
    if distance.max_abs is None:
        return "undef."
    # Equal values with different bits: signed zeros or NaN payloads.
    return "bits" if not distance.identical and not distance.max_abs else number(distance.max_abs)
