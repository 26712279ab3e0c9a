"""What `harness list` shows: the cases with device, tolerance and golden state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from harness.core.results.next_step import harness_step, rename_step
from harness.core.results.recording import ListedCase, ListedGolden
from harness.report.details import Line, brief, next_lines
from harness.report.harmless import plain
from harness.report.paint import STYLES, Sheet, painted
from harness.report.wording import count_words, day_words, tally

HEADINGS = ("case", "device", "golden")

CALIBRATED = "calibrated"
"""The heading of the fourth column, shown if a case asks for calibrated limits."""


def list_sections(cases: Sequence[ListedCase], platform: str, console: Console) -> list[list[Text]]:
    """The sections of the screen; cases are grouped by tolerance."""
    if not cases:
        return [[Text("no cases")]]
    unusable = [
        brief(case.case, golden.unusable) for case in cases for golden in case.goldens if golden.unusable
    ]
    return [
        _table(cases, platform, console),
        painted(unusable, console),
        painted(_drafts(cases), console),
        painted(_renamed(cases), console),
        painted(_summary(cases, platform), console),
    ]


def _drafts(cases: Sequence[ListedCase]) -> Iterator[Line]:
    """What waits for a confirmation, what no longer can, and the command that confirms."""
    told = [(case.case, draft) for case in cases for draft in case.drafts]
    for case, draft in told:
        why = f" because {draft.reason}" if draft.reason else ""
        made = f"{draft.state} draft by {draft.by} of {day_words(draft.at)}{why} ({draft.platform})"
        yield brief(case, draft.unusable or made)
    if waiting := dict.fromkeys(case for case, draft in told if draft.state == "waiting"):
        yield from next_lines(
            [(harness_step("to make drafts the goldens", "accept", *waiting, "--confirm"),)]
        )


def _renamed(cases: Sequence[ListedCase]) -> Iterator[Line]:
    """The cases whose golden is probably there under an older id, and the commands that move it."""
    told = [case for case in cases if case.renamed_from]
    for case in told:
        yield brief(case.case, f"has the definition of {case.renamed_from}, whose golden no case uses")
    yield from next_lines((rename_step(case.renamed_from, case.case),) for case in told)


def golden_state(case: ListedCase, platform: str) -> str:
    """`recorded`, `stale`, `unusable` or `unreadable` on this platform, else the other platforms, else `none`."""
    for golden in case.goldens:
        if golden.platform == platform:
            return _state(golden)
    names = [golden.platform for golden in case.goldens]
    return f"{', '.join(names)} only" if names else "none"


def _state(golden: ListedGolden) -> str:
    if not golden.readable:
        return "unreadable"
    return "unusable" if golden.unusable else "stale" if golden.stale else "recorded"


def calibration_state(case: ListedCase, platform: str) -> str:
    """The calibrated limit of this platform's golden, `missing`, `damaged`, or "" if the case asks for none."""
    return next((golden.calibrated for golden in case.goldens if golden.platform == platform), "")


def _table(cases: Sequence[ListedCase], platform: str, console: Console) -> list[Text]:
    groups: dict[str, list[ListedCase]] = {}
    for case in cases:
        groups.setdefault(" | ".join(case.tolerance.values()), []).append(case)
    told = [calibration_state(case, platform) for case in cases]
    sheet = Sheet((*HEADINGS, CALIBRATED) if any(told) else HEADINGS)
    for tolerance, group in groups.items():
        sheet.span(Text(f"tolerance {plain(tolerance)}", style="dim"))
        for case in group:
            state = golden_state(case, platform)
            cells = [Text(plain(state), style=STYLES.get(state, ""))]
            if any(told):
                limits = calibration_state(case, platform)
                cells.append(Text(limits, style=STYLES["none"] if limits in ("missing", "damaged") else ""))
            sheet.add(f"  {case.case}", case.device, *cells)
    return sheet.lines(console)


def _summary(cases: Sequence[ListedCase], platform: str) -> list[Line]:
    states = [golden_state(case, platform) for case in cases]
    counts = tally({state: states.count(state) for state in dict.fromkeys(states)})
    relations = " | ".join(dict.fromkeys(relation for case in cases for relation in case.tolerance))
    return [
        Line(f"{count_words(len(cases), 'case')} on {plain(platform)}: {plain(counts)}"),
        Line(f"tolerance: {relations}"),
        *_skipped(cases),
    ]


def _skipped(cases: Sequence[ListedCase]) -> Iterator[Line]:
    """The cases that cannot run here because their weights are missing."""
    skipped = [case for case in cases if case.absent]
    if skipped:
        paths = ", ".join(dict.fromkeys(path for case in skipped for path in case.absent))
        yield Line(f"{count_words(len(skipped), 'case')} will be skipped, weights not found: {plain(paths)}")
