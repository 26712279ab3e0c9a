from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from harness.errors import StoreError, UsageError
from harness.history import tables
from harness.history.database import opened, writing
from harness.history.writing import add
from tests.history.nights import identical, judged, night


def test_a_new_file_has_the_tables_and_says_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "folder/history.sqlite"
    with opened(path) as connection:
        names = {
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }
        mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
    assert names == {"machines", "locks", "judgements", "subjects", "nights", "results", "told"}
    assert mode == "wal"
    plain = sqlite3.connect(path)
    assert plain.execute("PRAGMA user_version").fetchone() == (1,)
    assert plain.execute("PRAGMA application_id").fetchone() == (0x48524E53,)
    plain.close()


@pytest.mark.parametrize(
    "table", ["machines", "locks", "judgements", "subjects", "nights", "results", "told"]
)
def test_no_row_is_rewritten_or_removed(tmp_path: Path, table: str) -> None:
    with opened(tmp_path / "history.sqlite") as connection:
        add(connection, night(0, judged(identical())))
        connection.execute("INSERT INTO told VALUES ('key-0', 'webhook', '', 'told', 'now', '')")
        column = connection.execute(f"SELECT name FROM pragma_table_info('{table}')").fetchone()[0]
        with pytest.raises(sqlite3.IntegrityError, match="rows are never rewritten"):
            connection.execute(f"UPDATE {table} SET {column} = {column}")
        with pytest.raises(sqlite3.IntegrityError, match="rows are never removed"):
            connection.execute(f"DELETE FROM {table}")


def test_what_is_written_together_is_there_together(tmp_path: Path) -> None:
    with opened(tmp_path / "history.sqlite") as connection:
        with pytest.raises(sqlite3.IntegrityError), writing(connection):
            connection.executemany("INSERT INTO locks (digest, text) VALUES (?, '{}')", [("a",), ("a",)])
        assert connection.execute("SELECT count(*) FROM locks").fetchone() == (0,)


def test_a_file_without_tables_becomes_a_history_where_it_is_opened_twice(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    path.touch()
    with opened(path) as first, opened(path) as second:
        add(first, night(0, judged(identical())))
        assert second.execute("SELECT count(*) FROM nights").fetchone() == (1,)


def test_an_older_history_is_migrated_and_keeps_its_nights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "history.sqlite"
    with opened(path) as connection:
        add(connection, night(0, judged(identical())))
    monkeypatch.setattr(
        tables, "MIGRATIONS", (*tables.MIGRATIONS, "ALTER TABLE nights ADD COLUMN host TEXT;")
    )
    monkeypatch.setattr(tables, "VERSION", 2)
    with opened(path) as connection:
        assert connection.execute("SELECT key, host FROM nights").fetchall() == [("key-0", None)]
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)


def _text(path: Path) -> None:
    path.write_text("this is no database, but a page of words\n" * 40)


def _foreign(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE cookies (name TEXT)")
    connection.close()


def _newer(path: Path) -> None:
    with opened(path) as connection:
        connection.execute("PRAGMA user_version = 7")


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (_text, "{path}: is not a history; name another file"),
        (_foreign, "{path}: is not a history, but another program's database; name another file"),
        (
            _newer,
            "{path}: has schema 7, but this harness reads 1; a newer harness wrote it: upgrade the harness, "
            "or name another file",
        ),
        (lambda path: path.mkdir(), "{path}: cannot be read or written"),
    ],
)
def test_a_file_that_is_no_history_is_refused_and_kept(tmp_path: Path, make: object, told: str) -> None:
    path = tmp_path / "history.sqlite"
    make(path)  # type: ignore[operator]
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises((UsageError, StoreError)) as refused, opened(path):
        pass
    assert str(refused.value).startswith(told.format(path=path))
    assert (path.read_bytes() if path.is_file() else b"") == before


def test_a_history_that_has_to_exist(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    with (
        pytest.raises(UsageError, match="no such file; run `harness nightly` first"),
        opened(path, create=False),
    ):
        pass
    assert not path.exists()


def test_a_history_in_a_file_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file/history.sqlite"
    with pytest.raises((UsageError, StoreError)) as refused, opened(path):
        pass
    assert str(refused.value).startswith(f"{path}: ")
    assert "database" not in str(refused.value)


def test_a_result_belongs_to_a_night(tmp_path: Path) -> None:
    with (
        opened(tmp_path / "history.sqlite") as connection,
        pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"),
    ):
        connection.execute("INSERT INTO results VALUES (1, 2, 3, 0, 0, 0, 0, NULL)")


def test_a_history_is_closed_at_the_end(tmp_path: Path) -> None:
    with opened(tmp_path / "history.sqlite") as connection:
        pass
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")
