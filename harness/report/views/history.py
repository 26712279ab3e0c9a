"""What `harness history` shows: the nights of a case in stretches, and all of them as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from rich.console import Console
from rich.text import Text

from harness.codec import to_json
from harness.core.environment import Change
from harness.core.nights.night import Cost, Measured
from harness.core.nights.stretch import Stretch, stretches_of
from harness.core.nights.timeline import Seen, Timeline, moved_between
from harness.core.tolerance import AT_LEAST
from harness.report.details import Line
from harness.report.harmless import plain
from harness.report.news_words import moved_words
from harness.report.paint import Sheet, painted, word
from harness.report.wording import against_limit, count_words, seconds_words

SCHEMA = 1

_DIGITS = 10
"""Hex digits shown of a digest."""


@dataclass(frozen=True, slots=True)
class _Night:
    night: str
    started: datetime
    verdict: str
    golden: str | None
    outputs: str | None
    trace: str | None
    cause: str
    what: str
    rejected: str | None
    again: tuple[str | None, ...]
    metrics: tuple[Measured, ...]
    seconds: Mapping[str, float | None]
    memory: int | None
    moved: tuple[Change, ...]
    folder: str


@dataclass(frozen=True, slots=True)
class _Case:
    case: str
    platform: str
    nights: tuple[_Night, ...]


@dataclass(frozen=True, slots=True)
class _Document:
    schema: int
    cases: tuple[_Case, ...]


@dataclass(frozen=True, slots=True)
class _Added:
    schema: int
    added: int
    known: int


def history_json(lines: Sequence[Timeline]) -> str:
    """Every night of every case, the latest last, with what moved in the environment since the one before."""
    cases = tuple(_Case(line.case, line.platform, tuple(_nights(line.seen))) for line in lines)
    return to_json(_Document(SCHEMA, cases), indent=2) + "\n"


def added_json(added: int, known: int) -> str:
    """How many nights were added, and how many the history had already."""
    return to_json(_Added(SCHEMA, added, known), indent=2) + "\n"


def added_words(added: int, known: int) -> str:
    """`added 2 nights; 1 was there already`."""
    already = f"; {known} {'was' if known == 1 else 'were'} there already" if known else ""
    return f"added {count_words(added, 'night')}{already}"


def _nights(seen: Sequence[Seen]) -> Iterator[_Night]:
    for place, one in enumerate(seen):
        judgement, night = one.judgement, one.night
        moved = moved_between(seen[place - 1].night, night) if place else ()
        yield _Night(
            night.key, night.started, str(judgement.verdict), judgement.golden, judgement.outputs,
            judgement.trace, judgement.cause, judgement.what, judgement.rejected, one.again, judgement.metrics,
            _seconds(one.cost), one.cost.memory, moved, night.folder,
        )  # fmt: skip


def _seconds(cost: Cost) -> Mapping[str, float | None]:
    return {"load": cost.load, "run": cost.run, "total": cost.total}


def history_sections(lines: Sequence[Timeline], console: Console) -> list[list[Text]]:
    """The sections of the screen: a table of stretches for each case and platform, the latest night last."""
    return [section for line in lines for section in _case(line, console)]


def _case(line: Timeline, console: Console) -> Iterator[list[Text]]:
    count = count_words(len(line.seen), "night")
    yield painted([Line(f"{plain(line.case)}  ({plain(line.platform)}), {count}", bold=True)], console)
    sheet = Sheet(
        ("since", "nights", "verdict", "outputs", "worst metric", "seconds"), right=("nights", "seconds")
    )
    for stretch in stretches_of(line):
        _add(sheet, stretch)
    yield sheet.lines(console)


def _add(sheet: Sheet, stretch: Stretch) -> None:
    judgement = stretch.judgement
    digest = (judgement.outputs or "-").removeprefix("metrics-")[:_DIGITS]
    taken = [one.cost.run for one in stretch.seen if one.cost.run is not None]
    seconds = seconds_words(median(taken)) if taken else "-"
    verdict = word(str(judgement.verdict))
    sheet.add(stretch.first, str(len(stretch.seen)), verdict, digest, _worst(judgement.metrics), seconds)
    for told in (judgement.what, _rejected(judgement.rejected), _moved(stretch)):
        if told:
            sheet.span(Text(f"  {plain(told)}"))


def _rejected(day: str | None) -> str:
    return f"rejected on {day}" if day else ""


def _moved(stretch: Stretch) -> str:
    return f"moved: {moved_words(stretch.moved)}" if stretch.moved else ""


def _worst(metrics: Sequence[Measured]) -> str:
    """The metric nearest to its limit, in words; of the metrics that should be large, none."""
    limited = [one for one in metrics if one.limit and one.value is not None and one.metric not in AT_LEAST]
    worst = max(limited, key=lambda one: (one.value or 0.0) / (one.limit or 1.0), default=None)
    if worst is None or worst.limit is None:
        return "-"
    return against_limit(worst.metric, worst.value, worst.limit)
