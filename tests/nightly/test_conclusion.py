from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.core.nights.news import Kind
from harness.core.results.verdict import Report
from harness.history.database import opened
from harness.history.writing import add
from harness.nightly import conclusion
from harness.nightly.conclusion import concluded, message_about, page_of, remember
from tests.history.nights import day, drifted, identical, judged, night
from tests.report.samples import DRIFTED, ENVIRONMENT, IDENTICAL

CASE = "ddim/two"


@pytest.fixture
def history(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Three nights; the case fails from the second on."""
    with opened(tmp_path / "history.sqlite") as connection:
        for number, judgement in enumerate([identical(), drifted(), drifted()]):
            add(connection, night(number, judged(judgement)))
        yield connection


def test_a_report_is_remembered_once_with_its_folder_its_code_and_its_further_runs(tmp_path: Path) -> None:
    started = datetime(2026, 3, 1, 3, 17, tzinfo=UTC)
    report = Report(ENVIRONMENT, (IDENTICAL, DRIFTED), started=started)
    with opened(tmp_path / "history.sqlite") as connection:
        key = remember(connection, report, Path("nightly/2026-03-01"), 1, {DRIFTED.case: ("x", None)})
        later = remember(connection, replace(report), Path("elsewhere"), 0, {})
        found = concluded(connection, key)
    assert later == key
    assert [(one.folder, one.code, one.day) for one in found.nights] == [
        ("nightly/2026-03-01", 1, "2026-03-01")
    ]
    assert {line.case: line.now.again for line in found.timelines} == {
        IDENTICAL.case: (),
        DRIFTED.case: ("x", None),
    }


@pytest.mark.parametrize(("key", "kinds"), [("key-0", []), ("key-1", [Kind.NEW]), ("key-2", [Kind.KNOWN])])
def test_a_night_says_what_the_nights_before_it_did_not(
    history: sqlite3.Connection, key: str, kinds: list[Kind]
) -> None:
    found = concluded(history, key)
    assert found.night.key == key
    assert [item.kind for item in found.items] == kinds


def test_a_message_may_be_about_an_earlier_night(
    history: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = concluded(history, "key-2")
    assert message_about(history, found, found.nights[1]).title == f"Night of {day(1)}: 1 new"
    monkeypatch.delattr(conclusion, "concluded")  # what tonight says is known already
    message = message_about(history, found, found.night)
    assert (message.key, message.title) == ("key-2", f"Night of {day(2)}: nothing new")


def test_the_page_links_the_nights_that_are_kept(history: sqlite3.Connection, tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "nights & days", tmp_path / "elsewhere"
    with opened(tmp_path / "other.sqlite") as connection:
        folders = (root / "2026-01-01", root / "2026-01-02", elsewhere / "2026-01-03", root / "2026-01-04")
        for number, folder in enumerate(folders):
            folder.mkdir(parents=True)
            judgement = identical(str(number))
            add(connection, replace(night(number, judged(judgement)), folder=str(folder)))
        found = concluded(connection, "key-3")
    for folder in (folders[0], folders[2]):
        (folder / "report.html").touch()
    page = page_of(found, folders[3])
    assert page.count("report.html") == 1
    assert '<a href="../2026-01-01/report.html">2026-01-01</a>' in page
    (folders[3] / "report.html").touch()
    page = page_of(found, folders[3])
    assert '<a href="report.html">its report</a>' in page
    assert '<a href="../2026-01-04/report.html">2026-01-04</a>' in page
