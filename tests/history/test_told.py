from __future__ import annotations

from pathlib import Path

from harness.history import told
from harness.history.database import opened
from harness.history.writing import add
from tests.history.nights import identical, judged, night


def test_a_target_is_told_once(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    with opened(path) as connection:
        assert not told.told(connection, "key-0", "webhook")
        told.tell(connection, "key-0", "webhook")
        told.tell(connection, "key-0", "webhook")
    with opened(path) as connection:
        assert told.told(connection, "key-0", "webhook")
        assert not told.told(connection, "key-0", "mail")
        assert not told.told(connection, "key-1", "webhook")


def test_an_issue_is_open_until_it_is_closed_and_may_be_opened_again(tmp_path: Path) -> None:
    with opened(tmp_path / "history.sqlite") as connection:
        for number in range(3):
            add(connection, night(number, judged(identical())))
        told.remember(connection, "key-0", "github:a/b", "group-1", "opened", "17")
        told.remember(connection, "key-0", "github:a/b", "group-2", "opened", "18")
        told.remember(connection, "key-0", "github:c/d", "group-1", "opened", "99")
        assert told.open_issues(connection, "github:a/b") == {"group-1": "17", "group-2": "18"}
        told.remember(connection, "key-1", "github:a/b", "group-1", "closed", "17")
        assert told.open_issues(connection, "github:a/b") == {"group-2": "18"}
        told.remember(connection, "key-2", "github:a/b", "group-1", "opened", "21")
        assert told.open_issues(connection, "github:a/b") == {"group-1": "21", "group-2": "18"}


def test_what_a_channel_did_not_take_is_owed_to_it_alone(tmp_path: Path) -> None:
    with opened(tmp_path / "history.sqlite") as connection:
        assert not told.owed(connection, "key-0", "webhook")
        told.owe(connection, "key-0", "webhook")
        assert told.owed(connection, "key-0", "webhook")
        assert not told.owed(connection, "key-0", "mail")
        assert not told.told(connection, "key-0", "webhook")
