"""A simulated year: every event is told once, on its night, with its package, and nothing else is told."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from sqlite3 import Connection

import pytest

from harness.core.nights.message import Message
from harness.core.nights.news import Item, Kind, items_of
from harness.core.nights.timeline import Head
from harness.history.database import opened
from harness.history.news import news_of
from harness.history.reading import History, read
from harness.history.writing import add
from harness.nightly.telling import tell_all
from harness.notify.channel import Memory
from harness.report.messages import message_of
from tests.history import year
from tests.history.nights import day

Told = tuple[str, Kind, tuple[str, ...], tuple[str, ...], str]
"""The day, the kind, the cases, what moved, and since when."""

ALL = tuple(range(year.CASES))


def told(
    night: int, kind: Kind, cases: Sequence[int], moved: Sequence[str] = (), since: int | None = None
) -> Told:
    names = tuple(year.name(case) for case in cases)
    return (day(night), kind, names, tuple(moved), day(night if since is None else since))


EXPECTED = [
    told(year.UPGRADE, Kind.NEW, year.SHIFTED, ["diffusers"]),
    told(year.ACCEPTED, Kind.RECOVERED, year.SHIFTED),
    told(year.BUG, Kind.NEW, year.BROKEN),
    told(year.FIXED, Kind.RECOVERED, year.BROKEN),
    told(year.BEGINS + 2, Kind.NONDETERMINISTIC, [year.BIMODAL]),
    told(year.HEAVIER + 2, Kind.HEAVIER, [year.HEAVY], since=year.HEAVIER),
    told(year.FAILS, Kind.NEW, [year.REJECTED_CASE], ["numpy"]),
    told(year.OUTAGE, Kind.NEW, ALL),
    told(year.OUTAGE + 1, Kind.RECOVERED, [case for case in ALL if case != year.REJECTED_CASE]),
    told(year.SWAP, Kind.MACHINE, [], ["hardware.cpu_model"]),
    told(280, Kind.CREEPING, [year.CREEPS], ["transformers"]),
    told(year.SLOWER + 2, Kind.SLOWER, [year.SLOW], ["torch"], since=year.SLOWER),
]


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Connection, History]]:
    with opened(tmp_path_factory.mktemp("year") / "history.sqlite") as connection:
        for night in year.year():
            assert add(connection, night)
        yield connection, read(connection)


@pytest.fixture(scope="module")
def by_night(history: tuple[Connection, History]) -> Mapping[Head, tuple[Item, ...]]:
    """What each night said when it was the last one."""
    _, whole = history
    place = {night: number for number, night in enumerate(whole.nights)}
    found = {}
    for number, night in enumerate(whole.nights):
        lines = []
        for line in whole.timelines:
            end = bisect_right(line.seen, number, key=lambda one: place[one.night])
            lines.append(replace(line, seen=line.seen[:end]))
        found[night] = items_of(news_of(lines, whole.nights[: number + 1]))
    return found


def test_every_event_is_told_once_and_nothing_else(by_night: Mapping[Head, tuple[Item, ...]]) -> None:
    found = [
        (
            night.day,
            item.kind,
            tuple(one.case for one in item.news if one.case),
            tuple(change.what.removeprefix("software.packages.") for change in item.first.moved),
            item.first.since,
        )
        for night, items in by_night.items()
        for item in items
        if item.loud
    ]
    assert found == EXPECTED


def test_what_goes_on_is_known_and_quiet(by_night: Mapping[Head, tuple[Item, ...]]) -> None:
    after = {night.day: items for night, items in by_night.items()}
    kinds = {
        number: {
            (item.kind, len(item.news), item.first.since) for item in after[day(number)] if not item.loud
        }
        for number in (year.UPGRADE, year.UPGRADE + 1, year.BUG + 9, year.REJECTED + 1, year.OUTAGE + 1)
    }
    assert kinds == {
        year.UPGRADE: {(Kind.SHIFTED, 5, day(year.UPGRADE))},
        year.UPGRADE + 1: {(Kind.KNOWN, 12, day(year.UPGRADE))},
        year.BUG + 9: {(Kind.KNOWN, 2, day(year.BUG))},
        year.REJECTED + 1: {(Kind.REJECTED, 1, day(year.REJECTED))},
        year.OUTAGE + 1: {(Kind.REJECTED, 1, day(year.REJECTED))},
    }


class Chat:
    """Keeps the messages, and is away on some nights; GitHub-like if stateful."""

    name = "chat"
    stateful = False

    def __init__(self) -> None:
        self.got: list[Message] = []

    def send(self, message: Message, memory: Memory) -> None:
        self.got.append(message)


def test_a_chat_gets_one_message_on_each_night_with_news(
    history: tuple[Connection, History], by_night: Mapping[Head, tuple[Item, ...]]
) -> None:
    connection, whole = history
    chat = Chat()
    for number in range(1, year.NIGHTS + 1):
        nights = whole.nights[:number]
        for _ in range(2):  # a second time, as after a kill
            tell_all(connection, [chat], nights, lambda one: message_of(one, by_night[one]), pytest.fail)
    assert [one.day for one in chat.got] == [one[0] for one in EXPECTED]
    first = chat.got[0]
    assert first.title == f"Night of {day(year.UPGRADE)}: 12 new"
    assert first.news[0].sentence == (
        "12 cases failing, new since last night: values in scheduler; moved: diffusers: 0.42.1 -> 0.43.0"
    )
    assert first.goes_on == "5 shifted"


def test_a_year_leaves_no_more_in_the_history_than_it_has_to_say(history: tuple[Connection, History]) -> None:
    connection, _ = history
    count = {
        table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        for table in ("nights", "results", "subjects", "machines")
    }
    assert count == {"nights": 365, "results": 365 * 60, "subjects": 60, "machines": 3}
    assert connection.execute("SELECT count(*) FROM judgements").fetchone()[0] < 200
