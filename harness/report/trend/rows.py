"""What the page shows of a case: its nights as a strip, what happened on them, and its curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from harness.core.nights.night import Judgement
from harness.core.nights.stretch import Stretch, stretches_of
from harness.core.nights.timeline import Head, Seen, Timeline, moved_between
from harness.core.results.verdict import PASSES
from harness.core.tolerance import AT_LEAST
from harness.report.news_words import moved_words
from harness.report.trend.plots import Plot, linear_plot, log_plot, x_of
from harness.report.wording import count_words

_MOST_STRETCHES = 60
_MOST_CURVES = 4
_DIGITS = 10


@dataclass(frozen=True, slots=True)
class Bar:
    """Nights in a row with one verdict."""

    x: float
    width: float
    verdict: str
    passes: bool
    words: str


@dataclass(frozen=True, slots=True)
class Mark:
    """Something on one night: `digest` (new outputs), `accepted` (another golden), `rejected`, or `moved`."""

    x: float
    kind: str
    words: str


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of equal judgements in words; `link` is the page of its first night, "" if that is gone."""

    first: str
    last: str
    nights: int
    verdict: str
    outputs: str
    words: str
    moved: str
    link: str


@dataclass(frozen=True, slots=True)
class Row:
    """One case on one platform; `changes` counts its marks."""

    case: str
    platform: str
    verdict: str
    bars: tuple[Bar, ...]
    marks: tuple[Mark, ...]
    metrics: Plot | None
    seconds: Plot | None
    periods: tuple[Period, ...]

    @property
    def changes(self) -> int:
        """How often its outputs or its golden changed."""
        return len(self.marks)


def row_of(line: Timeline, places: Mapping[Head, int], links: Mapping[Head, str]) -> Row:
    """The row of a case; `places` numbers the nights of the page from 0, `links` are the pages that still exist."""
    by_place = {places[one.night]: one for one in line.seen}
    nights = len(places)
    ordered = [by_place.get(place) for place in range(nights)]
    stretches = stretches_of(line)
    return Row(
        line.case,
        line.platform,
        str(line.now.judgement.verdict),
        tuple(_bars(stretches, places)),
        tuple(_marks(line, places)),
        _metrics(ordered),
        linear_plot("seconds", [one.cost.run if one else None for one in ordered]),
        tuple(_period(one, links) for one in reversed(stretches[-_MOST_STRETCHES:])),
    )


def moves_of(nights: Sequence[Head]) -> list[tuple[Mark, str]]:
    """What moved in the environment from night to night: its mark, and its day."""
    known = [(place, night) for place, night in enumerate(nights) if night.known]
    found = []
    for (_, before), (place, after) in pairwise(known):
        if moved := moved_between(before, after):
            words = moved_words(moved)
            found.append((Mark(x_of(place, len(nights)), "moved", f"{after.day}: {words}"), after.day))
    return found


def _bars(stretches: Sequence[Stretch], places: Mapping[Head, int]) -> list[Bar]:
    """Stretches of one verdict, joined unless nights without the case lie between them."""
    bars = list[tuple[int, int, Judgement, str, str]]()
    for stretch in stretches:
        first, last = places[stretch.seen[0].night], places[stretch.seen[-1].night]
        if bars and bars[-1][2].verdict == stretch.judgement.verdict and bars[-1][1] == first - 1:
            bars[-1] = (bars[-1][0], last, stretch.judgement, bars[-1][3], stretch.last)
        else:
            bars.append((first, last, stretch.judgement, stretch.first, stretch.last))
    nights = len(places)
    return [
        Bar(
            x_of(first, nights),
            round(x_of(last + 1, nights) - x_of(first, nights), 1),
            str(judgement.verdict),
            judgement.verdict in PASSES,
            f"{judgement.verdict}, {since} to {until}",
        )
        for first, last, judgement, since, until in bars
    ]


def _marks(line: Timeline, places: Mapping[Head, int]) -> list[Mark]:
    found = list[Mark]()
    for before, after in pairwise(line.seen):
        x, day = x_of(places[after.night], len(places)), after.night.day
        ours, theirs = before.judgement, after.judgement
        if None not in (ours.golden, theirs.golden) and ours.golden != theirs.golden:
            found.append(Mark(x, "accepted", f"{day}: another golden"))
        elif None not in (ours.outputs, theirs.outputs) and ours.outputs != theirs.outputs:
            found.append(Mark(x, "digest", f"{day}: new outputs"))
        if theirs.rejected and not ours.rejected:
            found.append(Mark(x, "rejected", f"{day}: rejected"))
    return found


def _metrics(ordered: Sequence[Seen | None]) -> Plot | None:
    """The metrics that have a limit, the latest limit drawn."""
    limits = dict[str, float]()
    for one in ordered:
        for measured in one.judgement.metrics if one else ():
            if measured.limit and measured.metric not in AT_LEAST:
                limits[f"{measured.output} {measured.metric}"] = measured.limit
    names = list(limits)[:_MOST_CURVES]
    tables = [_values(one) for one in ordered]
    return log_plot(
        {name: [table.get(name) for table in tables] for name in names}, {n: limits[n] for n in names}
    )


def _values(one: Seen | None) -> Mapping[str, float]:
    metrics = one.judgement.metrics if one else ()
    return {f"{each.output} {each.metric}": each.value for each in metrics if each.value is not None}


def _period(stretch: Stretch, links: Mapping[Head, str]) -> Period:
    judgement = stretch.judgement
    rejected = f"rejected on {judgement.rejected}" if judgement.rejected else ""
    again = next((one for one in stretch.seen if one.unstable), None)
    unstable = f"fresh processes gave other outputs on {again.night.day}" if again else ""
    return Period(
        stretch.first,
        stretch.last,
        len(stretch.seen),
        str(judgement.verdict),
        (judgement.outputs or "").removeprefix("metrics-")[:_DIGITS],
        "; ".join(filter(None, [judgement.what, rejected, unstable])),
        moved_words(stretch.moved),
        links.get(stretch.seen[0].night, ""),
    )


def title_of(cases: int, nights: int) -> str:
    """`60 cases, 365 nights`."""
    return f"{count_words(cases, 'case')}, {count_words(nights, 'night')}"
