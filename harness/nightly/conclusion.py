"""What follows from the report of a night: its place in the history, and its news."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from harness.core.nights.message import Message
from harness.core.nights.news import Item, items_of
from harness.core.nights.timeline import Head
from harness.core.results.verdict import Report
from harness.history import reading, writing
from harness.history.news import news_of
from harness.history.night import Again, night_of
from harness.report.messages import message_of


@dataclass(frozen=True, slots=True)
class Conclusion:
    """A night in the history: the nights up to it, and its news, grouped by cause."""

    nights: tuple[Head, ...]
    items: tuple[Item, ...]

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
    return Conclusion(found.nights, items_of(news_of(found.timelines, found.nights)))


def message_about(connection: sqlite3.Connection, night: Head) -> Message:
    """The message about any night of the history."""
    return message_of(night, concluded(connection, night.key).items)
