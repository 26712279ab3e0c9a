"""Opens a history: creates or migrates it, and puts what SQLite refuses into words."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness import files
from harness.core.schema import other_schema
from harness.errors import HarnessError, StoreError, UsageError
from harness.history import tables

BUSY_SECONDS = 60.0
"""How long a command waits for another one that writes to the same history."""


@contextmanager
def opened(path: Path, *, create: bool = True) -> Iterator[sqlite3.Connection]:
    """The history at `path`, open for reading and writing; without `create` it has to exist.

    Everything that is written between two commits is there completely or not at all. Raises UsageError if the file
    is not a history or does not exist, StoreError if it cannot be read or written.
    """
    if not create and not path.is_file():
        raise UsageError(
            f"{path}: no such file; run `harness nightly` first, or name the history with --history"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    except (OSError, sqlite3.Error) as error:
        raise _refusal(path, error) from error
    try:
        _prepare(connection, path)
        yield connection
    except sqlite3.Error as error:
        raise _refusal(path, error) from error
    finally:
        connection.close()


@contextmanager
def writing(connection: sqlite3.Connection) -> Iterator[None]:
    """One transaction: what happens inside is written as a whole, after other writers, or not at all."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    version = _version(connection, path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    if version < tables.VERSION:
        with writing(connection):
            # Another command may have done it meanwhile.
            for script in tables.MIGRATIONS[_version(connection, path) :]:
                _run(connection, script)
            connection.execute(f"PRAGMA application_id = {tables.APPLICATION}")
            connection.execute(f"PRAGMA user_version = {tables.VERSION}")


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """The schema version of the file, 0 for an empty one; raises UsageError if it is none that can be used."""
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    foreign = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if application != tables.APPLICATION and (foreign or version or application):
        raise UsageError(f"{path}: is not a history, but another program's database; name another file")
    if version > tables.VERSION:
        step = "name another file"
        raise UsageError(f"{path}: {other_schema(version, tables.VERSION, step)}, or {step}")
    return version


def _run(connection: sqlite3.Connection, script: str) -> None:
    # `executescript` would commit the transaction first.
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            connection.execute(statement)
            statement = ""


def _refusal(path: Path, error: OSError | sqlite3.Error) -> HarnessError:
    if isinstance(error, OSError):
        return files.refusal(path, error)
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_NOTADB:
        return UsageError(f"{path}: is not a history; name another file")
    step = "free the space, grant the permission, or restore the file from a copy"
    return StoreError(f"{path}: cannot be read or written ({error}); {step}")
