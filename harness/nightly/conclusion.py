"""What follows from the report of a night: its place in the history, and its news."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from harness.core.nights.message import Message
from harness.core.nights.news import Item, items_of
from harness.core.nights.timeline import Head, Timeline
from harness.core.results.verdict import Report
from harness.history import reading, writing
from harness.history.news import news_of
from harness.history.night import Again, night_of
from harness.report.messages import message_of
from harness.report.trend.page import Trend, trend_html

PAGE_NAME, TREND_NAME = "report.html", "trend.html"
"""The page of a night, and that of all nights."""


@dataclass(frozen=True, slots=True)
class Conclusion:
    """A night in the history: the nights up to it, and its news, grouped by cause."""

    nights: tuple[Head, ...]
    items: tuple[Item, ...]
    timelines: tuple[Timeline, ...]

    @property
    def night(self) -> Head:
        """The night itself."""
        return self.nights[-1]


def remember(connection: sqlite3.Connection, report: Report, folder: Path, code: int, again: Again) -> str:
    """Add the night unless the history has it; returns its key."""
    night = night_of(report, folder=str(folder), code=code, again=again)
    writing.add(connection, night)
    return night.key


def concluded(connection: sqlite3.Connection, key: str) -> Conclusion:
    """What the night with this key says, given the nights before it."""
    found = reading.read(connection, until=key)
    return Conclusion(found.nights, items_of(news_of(found.timelines, found.nights)), found.timelines)


def page_of(found: Conclusion, folder: Path) -> str:
    """The page of the history as it lies in the folder of the last night, with links to the nights that are kept."""
    kept = {one.name: one for one in folder.parent.iterdir() if (one / PAGE_NAME).is_file()}
    names = {
        night: Path(night.folder).name for night in found.nights if Path(night.folder).parent == folder.parent
    }
    links = {night: f"../{quote(name)}/{PAGE_NAME}" for night, name in names.items() if name in kept}
    own = PAGE_NAME if (folder / PAGE_NAME).is_file() else ""
    return trend_html(Trend(found.nights, found.timelines, found.items, links, own))


def message_about(connection: sqlite3.Connection, found: Conclusion, night: Head) -> Message:
    """The message about the night that was concluded, or about an earlier one of the history."""
    items = found.items if night is found.night else concluded(connection, night.key).items
    return message_of(night, items)
