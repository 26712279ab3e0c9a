"""Adds a night to a history; what it shares with earlier nights is stored once."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Mapping
from datetime import UTC
from functools import cache

from harness.core.nights.night import Judged, Judgement, Night
from harness.history.compact import Line, packed
from harness.history.database import writing


def add(connection: sqlite3.Connection, night: Night) -> bool:
    """Add the night, as a whole; returns False, and changes nothing, if the history has it already."""
    with writing(connection):
        if connection.execute("SELECT 1 FROM nights WHERE key = ?", (night.key,)).fetchone():
            return False
        place = _night(connection, night)
        judgement = _storing(connection)
        connection.executemany(
            "INSERT OR IGNORE INTO subjects (name, platform) VALUES (?, ?)",
            [(one.case, one.platform) for one in night.judged],
        )
        subjects = {
            (name, platform): number
            for number, name, platform in connection.execute("SELECT id, name, platform FROM subjects")
        }
        connection.executemany(
            "INSERT INTO results VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    subjects[one.case, one.platform],
                    place,
                    judgement(one.judgement),
                    one.cost.load,
                    one.cost.run,
                    one.cost.total,
                    one.cost.memory,
                    _again(one),
                )
                for one in night.judged
            ],
        )
    return True


def _night(connection: sqlite3.Connection, night: Night) -> int | None:
    machine = _stored(connection, "machines", night.machine.entries)
    lock = _stored(connection, "locks", night.lock)
    started = night.started.astimezone(UTC).isoformat(timespec="microseconds")
    return connection.execute(
        "INSERT INTO nights (key, started, machine, lock, folder, code) VALUES (?, ?, ?, ?, ?, ?)",
        (night.key, started, machine, lock, night.folder, night.code),
    ).lastrowid


def _stored(connection: sqlite3.Connection, table: str, entries: Mapping[str, str]) -> int:
    text = json.dumps(dict(entries), sort_keys=True, separators=(",", ":"))
    digest = _digest(text)
    connection.execute(f"INSERT OR IGNORE INTO {table} (digest, text) VALUES (?, ?)", (digest, text))
    return int(connection.execute(f"SELECT id FROM {table} WHERE digest = ?", (digest,)).fetchone()[0])


def _storing(connection: sqlite3.Connection) -> Callable[[Judgement], int]:
    """Stores a judgement unless it is there; returns its number."""

    @cache
    def number(line: Line) -> int:
        digest = line.digest
        found = connection.execute("SELECT id FROM judgements WHERE digest = ?", (digest,)).fetchone()
        if found:
            return int(found[0])
        added = connection.execute(
            "INSERT INTO judgements (digest, verdict, golden, outputs, cause, text) VALUES (?, ?, ?, ?, ?, ?)",
            (digest, line.verdict, line.golden, line.outputs, line.cause, line.text),
        ).lastrowid
        assert added is not None
        return added

    return lambda one: number(packed(one))


def _again(one: Judged) -> str | None:
    return json.dumps(one.again) if one.again else None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
