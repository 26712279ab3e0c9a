"""What was told to whom: markers that outlive a kill, so that nobody is told twice."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime

_NIGHT = ""


def told(connection: sqlite3.Connection, night: str, target: str) -> bool:
    """Whether the news of the night were told to the target, completely."""
    return _has(connection, night, target, "told")


def owed(connection: sqlite3.Connection, night: str, target: str) -> bool:
    """Whether the target once did not take the news of the night."""
    return _has(connection, night, target, "owed")


def _has(connection: sqlite3.Connection, night: str, target: str, what: str) -> bool:
    found = connection.execute(
        "SELECT 1 FROM told WHERE night = ? AND target = ? AND about = ? AND what = ?",
        (night, target, _NIGHT, what),
    )
    return found.fetchone() is not None


def tell(connection: sqlite3.Connection, night: str, target: str) -> None:
    """Remember that the news of the night were told to the target."""
    remember(connection, night, target, _NIGHT, "told")


def owe(connection: sqlite3.Connection, night: str, target: str) -> None:
    """Remember that the target did not take the news of the night."""
    remember(connection, night, target, _NIGHT, "owed")


def remember(
    connection: sqlite3.Connection, night: str, target: str, about: str, what: str, note: str = ""
) -> None:
    """Remember that `what` was done `about` a cause; again, it changes nothing."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    connection.execute(
        "INSERT OR IGNORE INTO told VALUES (?, ?, ?, ?, ?, ?)", (night, target, about, what, now, note)
    )


def open_issues(connection: sqlite3.Connection, target: str) -> dict[str, str]:
    """The causes with an issue that was opened and not closed yet: its number, by the cause's fingerprint."""
    found = dict[str, str]()
    rows = connection.execute(
        "SELECT about, what, note FROM told LEFT JOIN nights ON nights.key = told.night "
        "WHERE target = ? AND what IN ('opened', 'closed') ORDER BY nights.started, what = 'opened', at",
        (target,),
    )
    for about, what, note in rows:
        if what == "opened":
            found[about] = note
        else:
            found.pop(about, None)
    return found
