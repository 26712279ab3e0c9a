from __future__ import annotations

import gc
from pathlib import Path

import pytest

from harness.history.database import opened
from harness.history.reading import names, read
from harness.history.writing import add
from tests.history.nights import ELSEWHERE, HERE, NEW, OLD, day, drifted, identical, judged, night


def test_nights_come_in_the_order_of_time_however_they_were_added(tmp_path: Path) -> None:
    with opened(tmp_path / "history.sqlite") as connection:
        for number in (2, 0, 1):
            add(connection, night(number, judged(identical(str(number)))))
        found = read(connection)
    assert [one.day for one in found.nights] == [day(0), day(1), day(2)]
    (line,) = found.timelines
    assert [one.judgement.outputs for one in line.seen] == ["0", "1", "2"]
    assert [one.night for one in line.seen] == list(found.nights)


def test_a_night_knows_where_it_ran(tmp_path: Path) -> None:
    with opened(tmp_path / "history.sqlite") as connection:
        add(connection, night(0, judged(identical())))
        add(connection, night(1, judged(identical()), lock=NEW, machine=ELSEWHERE))
        first, second = read(connection).nights
    assert (first.machine, first.lock) == (HERE, OLD)
    assert (second.machine, second.lock) == (ELSEWHERE, NEW)
    assert (second.folder, second.code) == (f"nightly/{day(1)}", 0)


def test_one_case_alone(tmp_path: Path) -> None:
    with opened(tmp_path / "history.sqlite") as connection:
        add(connection, night(0, judged(identical()), judged(drifted(), "other")))
        found = read(connection, case="other")
        none = read(connection, case="never")
    assert [line.case for line in found.timelines] == ["other"]
    assert none.timelines == ()


def test_the_past_as_an_earlier_night_knew_it(tmp_path: Path) -> None:
    with opened(tmp_path / "history.sqlite") as connection:
        for number in range(3):
            add(connection, night(number, judged(identical(str(number)))))
        found = read(connection, until="key-1")
    assert [one.key for one in found.nights] == ["key-0", "key-1"]
    assert found.timelines[0].now.judgement.outputs == "1"


def test_names(tmp_path: Path) -> None:
    with opened(tmp_path / "history.sqlite") as connection:
        add(connection, night(0, judged(identical(), "b"), judged(drifted(), "a")))
        assert names(connection) == ("a", "b")


def test_cases_come_in_alphabetical_order(tmp_path: Path) -> None:
    with opened(tmp_path / "history.sqlite") as connection:
        add(connection, night(0, judged(identical(), "b"), judged(identical(), "a")))
        assert [line.case for line in read(connection).timelines] == ["a", "b"]


@pytest.mark.parametrize("collects", [True, False])
def test_python_collects_garbage_afterwards_if_it_did_before(tmp_path: Path, collects: bool) -> None:
    (gc.enable if collects else gc.disable)()
    try:
        with opened(tmp_path / "history.sqlite") as connection:
            add(connection, night(0, judged(identical())))
            read(connection)
        assert gc.isenabled() is collects
    finally:
        gc.enable()
