"""The tables of a history and how an older file gets them: SQL alone."""

from __future__ import annotations

APPLICATION = 0x48524E53
"""SQLite's application id of a history, which tells it from the databases of others."""

_KEPT = """
CREATE TRIGGER {table}_stay BEFORE UPDATE ON {table} BEGIN SELECT RAISE(ABORT, 'rows are never rewritten'); END;
CREATE TRIGGER {table}_last BEFORE DELETE ON {table} BEGIN SELECT RAISE(ABORT, 'rows are never removed'); END;
"""

_FIRST = """
CREATE TABLE machines (id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, text TEXT NOT NULL);
CREATE TABLE locks (id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, text TEXT NOT NULL);
CREATE TABLE judgements (
    id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, verdict TEXT NOT NULL, golden TEXT, outputs TEXT,
    cause TEXT NOT NULL, text TEXT NOT NULL
);
CREATE TABLE subjects (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, platform TEXT NOT NULL, UNIQUE (name, platform)
);
CREATE TABLE nights (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, started TEXT NOT NULL,
    machine INTEGER NOT NULL REFERENCES machines (id), lock INTEGER NOT NULL REFERENCES locks (id),
    folder TEXT NOT NULL, code INTEGER
);
CREATE TABLE results (
    subject INTEGER NOT NULL REFERENCES subjects (id), night INTEGER NOT NULL REFERENCES nights (id),
    judgement INTEGER NOT NULL REFERENCES judgements (id), load REAL, run REAL, total REAL, memory INTEGER,
    again TEXT, PRIMARY KEY (subject, night)
) WITHOUT ROWID;
CREATE INDEX results_of_night ON results (night);
CREATE TABLE told (
    night TEXT NOT NULL, target TEXT NOT NULL, about TEXT NOT NULL, what TEXT NOT NULL, at TEXT NOT NULL,
    note TEXT NOT NULL, PRIMARY KEY (night, target, about, what)
) WITHOUT ROWID;
""" + "".join(
    _KEPT.format(table=name)
    for name in ("machines", "locks", "judgements", "subjects", "nights", "results", "told")
)

MIGRATIONS: tuple[str, ...] = (_FIRST,)
"""What leads from each version to the next; the first one from an empty file."""

VERSION = len(MIGRATIONS)
"""The schema version that this harness writes."""
