"""Reads the nights of a history, and the timelines of its cases."""

from __future__ import annotations

import gc
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from harness.core.nights.night import Cost, Judgement, Machine
from harness.core.nights.timeline import Head, Seen, Timeline
from harness.history.compact import Line, unpacked

_NIGHTS = """
SELECT id, key, started, machine, lock, folder, code FROM nights ORDER BY started, key
"""

_COLUMNS = "verdict, golden, outputs, cause, text"

_RESULTS = "SELECT subject, night, judgement, again, load, run, total, memory FROM results {where}"


@dataclass(frozen=True, slots=True)
class History:
    """The nights, the latest last, and the timeline of every case that was asked for, by case and platform."""

    nights: tuple[Head, ...]
    timelines: tuple[Timeline, ...]


def read(connection: sqlite3.Connection, *, case: str | None = None, until: str | None = None) -> History:
    """The whole history; only that of one `case`, or only up to the night with the key `until`."""
    nights = _nights(connection, until)
    subjects = {
        number: (name, platform)
        for number, name, platform in connection.execute("SELECT id, name, platform FROM subjects")
        if case in (None, name)
    }
    with _no_collection():
        found = _seen(connection, nights, None if case is None else tuple(subjects))
    lines = (Timeline(*subjects[number], tuple(seen)) for number, seen in found.items())
    return History(tuple(nights.values()), tuple(sorted(lines, key=lambda line: (line.case, line.platform))))


def _seen(
    connection: sqlite3.Connection, nights: Mapping[int, Head], subjects: tuple[int, ...] | None
) -> Mapping[int, list[Seen]]:
    """What these nights saw of each subject, in order of time; `subjects` are numbers, None for all."""
    judgements = _Judgements(connection, every=subjects is None)
    found = dict[int, list[Seen]]()
    where = "" if subjects is None else f"WHERE subject IN ({', '.join('?' * len(subjects))})"
    for subject, night, judgement, again, *cost in connection.execute(
        _RESULTS.format(where=where), subjects or ()
    ):
        if night in nights:
            more = tuple(json.loads(again)) if again else ()
            seen = Seen(nights[night], judgements[judgement], Cost(*cost), more)
            found.setdefault(subject, []).append(seen)
    order = {night: place for place, night in enumerate(nights.values())}
    for seen_of_one in found.values():
        seen_of_one.sort(key=lambda one: order[one.night])
    return found


def names(connection: sqlite3.Connection) -> tuple[str, ...]:
    """The ids of all cases, in alphabetical order."""
    return tuple(name for (name,) in connection.execute("SELECT DISTINCT name FROM subjects ORDER BY name"))


@contextmanager
def _no_collection() -> Iterator[None]:
    """While open, Python looks for no garbage: among hundreds of thousands of new objects, that takes half the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


class _Judgements:
    """Judgements by their numbers, all of them read at once or, if not `every`, one by one; each is parsed once."""

    def __init__(self, connection: sqlite3.Connection, *, every: bool) -> None:
        self._connection = connection
        rows = connection.execute(f"SELECT id, {_COLUMNS} FROM judgements") if every else ()
        self._lines = {number: columns for number, *columns in rows}
        self._read = dict[int, Judgement]()

    def __getitem__(self, number: int) -> Judgement:
        if number not in self._read:
            columns = self._lines.pop(number, None) or self._line(number)
            self._read[number] = unpacked(Line(*columns))
        return self._read[number]

    def _line(self, number: int) -> list[Any]:
        return list(
            self._connection.execute(f"SELECT {_COLUMNS} FROM judgements WHERE id = ?", (number,)).fetchone()
        )


def _nights(connection: sqlite3.Connection, until: str | None) -> dict[int, Head]:
    machines = {number: Machine(entries) for number, entries in _texts(connection, "machines").items()}
    locks = _texts(connection, "locks")
    found = dict[int, Head]()
    for number, key, started, machine, lock, folder, code in connection.execute(_NIGHTS):
        when = datetime.fromisoformat(started)
        found[number] = Head(key, when, machines[machine], locks[lock], folder, code)
        if key == until:
            break
    return found


def _texts(connection: sqlite3.Connection, table: str) -> Mapping[int, Mapping[str, str]]:
    rows: Iterable[tuple[int, str]] = connection.execute(f"SELECT id, text FROM {table}")
    return {number: json.loads(text) for number, text in rows}
