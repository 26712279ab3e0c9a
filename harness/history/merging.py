"""Adds the nights of another history, as they stand there."""

from __future__ import annotations

import sqlite3

from harness.core.nights.night import Judged, Lock, Night
from harness.core.nights.timeline import Head
from harness.history import reading, writing


def merge(connection: sqlite3.Connection, other: sqlite3.Connection) -> tuple[int, int]:
    """How many nights of `other` were added, and how many were there already; what was told is not merged."""
    found = reading.read(other)
    judged: dict[Head, list[Judged]] = {night: [] for night in found.nights}
    for line in found.timelines:
        for seen in line.seen:
            judged[seen.night].append(Judged(line.case, line.platform, seen.judgement, seen.cost, seen.again))
    added = [writing.add(connection, _night(night, night.lock, judged[night])) for night in found.nights]
    return added.count(True), added.count(False)


def _night(head: Head, lock: Lock, judged: list[Judged]) -> Night:
    return Night(head.key, head.started, head.machine, lock, tuple(judged), head.folder, head.code)
