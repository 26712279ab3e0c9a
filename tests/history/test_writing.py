from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from harness.core.nights.night import Cost
from harness.history.database import opened
from harness.history.reading import read
from harness.history.writing import add
from tests.history.nights import NEW, drifted, identical, judged, night


def counts(connection: sqlite3.Connection) -> dict[str, int]:
    tables = ("nights", "machines", "locks", "judgements", "subjects", "results")
    return {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables}


def test_what_nights_share_is_stored_once(tmp_path: Path) -> None:
    with opened(tmp_path / "history.sqlite") as connection:
        add(connection, night(0, judged(identical()), judged(identical(), "ddim/four")))
        add(connection, night(1, judged(identical()), judged(drifted(), "ddim/four"), lock=NEW))
        assert counts(connection) == {
            "nights": 2, "machines": 1, "locks": 2, "judgements": 2, "subjects": 2, "results": 4,
        }  # fmt: skip


def test_a_night_is_added_once(tmp_path: Path) -> None:
    with opened(tmp_path / "history.sqlite") as connection:
        assert add(connection, night(0, judged(identical())))
        assert not add(connection, night(0, judged(drifted())))
        assert counts(connection)["results"] == 1
        assert read(connection).timelines[0].now.judgement == identical()


def test_a_night_that_cannot_be_added_whole_is_not_there(tmp_path: Path) -> None:
    with opened(tmp_path / "history.sqlite") as connection:
        twice = night(0, judged(identical()), judged(drifted()))
        with pytest.raises(sqlite3.IntegrityError):
            add(connection, twice)
        assert set(counts(connection).values()) == {0}


def test_everything_of_a_case_comes_back(tmp_path: Path) -> None:
    cost, again = Cost(0.5, 1.25, 2.0, 3 * 2**30), ("b", "c", None)
    with opened(tmp_path / "history.sqlite") as connection:
        add(connection, night(0, judged(drifted(), cost=cost, again=again)))
        (line,) = read(connection).timelines
    assert (line.case, line.platform) == ("ddim/two", "cpu-x86_64")
    assert (line.now.judgement, line.now.cost, line.now.again) == (drifted(), cost, again)


def test_the_order_of_packages_does_not_matter(tmp_path: Path) -> None:
    with opened(tmp_path / "history.sqlite") as connection:
        add(connection, night(0, lock=NEW))
        add(connection, night(1, lock=dict(reversed(NEW.items()))))
        assert counts(connection)["locks"] == 1
