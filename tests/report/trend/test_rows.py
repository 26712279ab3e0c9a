from __future__ import annotations

from dataclasses import replace

from harness.core.nights.night import Cost
from harness.core.nights.timeline import Timeline
from harness.report.trend.rows import Row, moves_of, row_of, title_of
from tests.history.nights import NEW, accepted, day, drifted, head, identical, timeline, within

REJECTED = replace(drifted("c"), rejected=day(5))


def row(line: Timeline, nights: int, links: dict[int, str] | None = None) -> Row:
    by_number = {one.night.started.toordinal() - head(0).started.toordinal(): one.night for one in line.seen}
    places = {by_number.get(number, head(number)): number for number in range(nights)}
    return row_of(line, places, {by_number[number]: link for number, link in (links or {}).items()})


LINE = timeline(
    [
        identical("a"),
        identical("a"),
        within(2e-5, "b"),
        drifted("c"),
        REJECTED,
        None,
        accepted(identical("c"), "g2"),
    ],
    locks={2: NEW},
    costs=[Cost(0.1, 1.0, 2.0)] * 7,
)


def test_nights_of_one_verdict_are_one_bar() -> None:
    bars = row(LINE, 7).bars
    assert [(bar.verdict, bar.passes) for bar in bars] == [
        ("identical", True), ("within", True), ("drifted", False), ("identical", True),
    ]  # fmt: skip
    assert [round(bar.x) for bar in bars] == [0, 286, 429, 857]
    assert [round(bar.width) for bar in bars] == [286, 143, 286, 143]
    assert bars[0].words == f"identical, {day(0)} to {day(1)}"


def test_what_happened_is_marked_on_its_night() -> None:
    found = row(LINE, 7)
    assert [(mark.kind, mark.words) for mark in found.marks] == [
        ("digest", f"{day(2)}: new outputs"),
        ("digest", f"{day(3)}: new outputs"),
        ("rejected", f"{day(4)}: rejected"),
        ("accepted", f"{day(6)}: another golden"),
    ]
    assert found.changes == 4


def test_the_latest_stretch_comes_first_and_links_to_pages_that_exist() -> None:
    periods = row(LINE, 7, {2: "../2026-01-03/report.html"}).periods
    assert [(one.first, one.verdict, one.nights) for one in periods] == [
        (day(6), "identical", 1), (day(4), "drifted", 1), (day(3), "drifted", 1), (day(2), "within", 1),
        (day(0), "identical", 2),
    ]  # fmt: skip
    assert [one.link for one in periods] == ["", "", "", "../2026-01-03/report.html", ""]
    assert periods[1].words == f"values at unet (group-1); rejected on {day(5)}"
    assert periods[3].moved == "diffusers: 0.42.1 -> 0.43.0"


def test_curves_are_those_with_a_limit_and_the_seconds() -> None:
    found = row(LINE, 7)
    assert found.metrics is not None
    assert [curve.name for curve in found.metrics.curves] == ["images rel_l2"]
    assert found.seconds is not None
    assert len(found.seconds.curves[0].lines) == 2  # one night is missing


def test_moves_of_the_environment_are_told_by_night() -> None:
    nights = [head(0), head(1), head(2, NEW), head(3, NEW)]
    ((mark, when),) = moves_of(nights)
    assert (mark.x, mark.words, when) == (500.0, f"{day(2)}: diffusers: 0.42.1 -> 0.43.0", day(2))


def test_title() -> None:
    assert title_of(60, 1) == "60 cases, 1 night"
