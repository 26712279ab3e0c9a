"""Tells each channel what it has not been told yet; what goes wrong is reported and changes nothing else."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from harness.core.nights.message import Message
from harness.core.nights.timeline import Head
from harness.history import told
from harness.notify.channel import Channel, NotSent

MOST_NIGHTS = 7
"""News that a channel did not take are told with the next nights, so many of them at most."""


@dataclass(frozen=True, slots=True)
class _Issues:
    """What a channel remembers, in the history."""

    connection: sqlite3.Connection
    night: str
    channel: str

    def open_issues(self) -> Mapping[str, str]:
        """The issues that are open, by cause."""
        return told.open_issues(self.connection, self.channel)

    def opened(self, group: str, number: str) -> None:
        """The cause has this issue from tonight on."""
        told.remember(self.connection, self.night, self.channel, group, "opened", number)

    def closed(self, group: str, number: str) -> None:
        """The issue was closed tonight."""
        told.remember(self.connection, self.night, self.channel, group, "closed", number)


def tell_all(
    connection: sqlite3.Connection,
    channels: Sequence[Channel],
    nights: Sequence[Head],
    message: Callable[[Head], Message],
    warn: Callable[[str], None],
    *,
    always: bool = False,
) -> None:
    """Tell every channel the last of the `nights`, and those before that it has not been told; `warn` of failures.

    A quiet night is told only if `always`. Nobody is told twice, whatever was killed in between.
    """
    told_of = cache(message)
    for channel in channels:
        for night in _pending(connection, channel, nights):
            found = told_of(night)
            try:
                if channel.stateful or always or not found.quiet:
                    channel.send(found, _Issues(connection, night.key, channel.name))
            except NotSent as error:
                told.owe(connection, night.key, channel.name)
                warn(f"nobody was told of {night.day}: {error}; the next night tries again")
                break
            told.tell(connection, night.key, channel.name)


def _pending(connection: sqlite3.Connection, channel: Channel, nights: Sequence[Head]) -> list[Head]:
    """What the channel has not been told since it was last told something, or first did not take it.

    For a new one, that is only the last night.
    """
    recent = nights[-MOST_NIGHTS:]
    known = [place for place, night in enumerate(recent) if told.told(connection, night.key, channel.name)]
    owed = [place for place, night in enumerate(recent) if told.owed(connection, night.key, channel.name)]
    since = known[-1] + 1 if known else owed[0] if owed else len(recent) - 1
    after = list(recent[since:])
    return after[-1:] if channel.stateful else after
