"""Renders the page of a history, with the habits of the page of a report: one file, offline, everything escaped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from harness.core.nights.news import Item
from harness.core.nights.timeline import Head, Timeline
from harness.report.news_words import cases_words, item_words, summary_words
from harness.report.page import page as report_page
from harness.report.trend.plots import HEIGHT, WIDTH
from harness.report.trend.rows import Row, moves_of, row_of, title_of

if TYPE_CHECKING:
    import jinja2

_FOLDER = Path(__file__).parent

MOST_NIGHTS = 365
"""Older nights are in the history alone."""


@dataclass(frozen=True, slots=True)
class Trend:
    """What the page tells: the nights, the latest last; the timelines; the news of the last night.

    `links` are the addresses of the pages of nights, seen from this page, `report` that of the last night; "" for none.
    """

    nights: Sequence[Head]
    timelines: Sequence[Timeline]
    items: Sequence[Item] = ()
    links: Mapping[Head, str] | None = None
    report: str = ""


def trend_html(trend: Trend) -> str:
    """The page as one text; there has to be a night."""
    from markupsafe import Markup

    nights = trend.nights[-MOST_NIGHTS:]
    rows = list(_rows(trend, nights))
    style = f"{report_page.stylesheet()}\n{_text('trend.css')}"
    script = _text("trend.js")
    return (
        _environment()
        .get_template("trend.html")
        .render(
            policy=report_page.policy_of(style, script),
            style=Markup(style),
            script=Markup(script),
            title=title_of(len(rows), len(nights)),
            summary=summary_words(trend.items),
            nights=nights,
            rows=rows,
            items=trend.items,
            moves=moves_of(nights),
            report=trend.report,
            counts=Counter(row.verdict for row in rows),
            platforms=len({row.platform for row in rows}),
        )
    )


def _rows(trend: Trend, nights: Sequence[Head]) -> list[Row]:
    """The cases of these nights; those that the last night judged worst, or that changed most, come first."""
    places = {night: place for place, night in enumerate(nights)}
    shown = [
        replace(line, seen=tuple(one for one in line.seen if one.night in places)) for line in trend.timelines
    ]
    rows = [row_of(line, places, trend.links or {}) for line in shown if line.seen]
    passes = ("identical", "within", "skipped")
    return sorted(rows, key=lambda row: (row.verdict in passes, -row.changes, row.case))


def _text(name: str) -> str:
    return _FOLDER.joinpath(name).read_text(encoding="utf-8")


@cache
def _environment() -> jinja2.Environment:
    """The template; loaded lazily, since most commands write no page."""
    import jinja2

    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=report_page.told,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals.update(
        icons={str(verdict): icon for verdict, icon in report_page.ICONS.items()},
        item_words=item_words,
        cases_words=cases_words,
        width=WIDTH,
        height=HEIGHT,
    )
    return templates
