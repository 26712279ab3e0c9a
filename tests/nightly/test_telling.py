from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from sqlite3 import Connection

import pytest

from harness.core.nights.message import Message, Paragraph
from harness.core.nights.timeline import Head
from harness.history.database import opened
from harness.history.writing import add
from harness.nightly.telling import MOST_NIGHTS, tell_all
from harness.notify.channel import Memory, NotSent
from tests.history.nights import head, identical, judged, night


@dataclass
class Pigeon:
    """A channel that keeps what it was told; it fails on the nights in `lame`, and dies after those in `deadly`."""

    name: str = "pigeon"
    stateful: bool = False
    lame: set[str] = field(default_factory=set)
    deadly: set[str] = field(default_factory=set)
    told: list[str] = field(default_factory=list)

    def send(self, message: Message, memory: Memory) -> None:
        if message.key in self.lame:
            raise NotSent(f"{self.name}: lame")
        self.told.append(message.key)
        memory.opened("group", "17")
        if message.key in self.deadly:
            raise KeyboardInterrupt


QUIET: set[str] = set()


def message(one: Head) -> Message:
    news = () if one.key in QUIET else (Paragraph("new", "1 case failing", ("sd/a",)),)
    return Message(one.key, one.day, "title", news)


@pytest.fixture
def history(tmp_path: Path) -> Iterator[Connection]:
    QUIET.clear()
    with opened(tmp_path / "history.sqlite") as connection:
        for number in range(12):
            add(connection, night(number, judged(identical())))
        yield connection


def tell(history: Connection, pigeon: Pigeon, last: int, *, always: bool = False) -> list[str]:
    warnings: list[str] = []
    nights = [head(number) for number in range(last + 1)]
    tell_all(history, [pigeon], nights, message, warnings.append, always=always)
    return warnings


def test_a_new_channel_is_told_of_the_last_night_and_then_of_each_once(history: Connection) -> None:
    pigeon = Pigeon()
    for last in (3, 3, 4, 4, 5):
        assert tell(history, pigeon, last) == []
    assert pigeon.told == ["key-3", "key-4", "key-5"]


def test_what_a_night_says_is_found_out_once_for_all_channels(history: Connection) -> None:
    asked: list[str] = []

    def counted(one: Head) -> Message:
        asked.append(one.key)
        return message(one)

    both = [Pigeon(), Pigeon("other")]
    tell_all(history, both, [head(number) for number in range(4)], counted, pytest.fail)
    assert [pigeon.told for pigeon in both] == [["key-3"]] * 2
    assert asked == ["key-3"]


def test_a_quiet_night_says_nothing_unless_always(history: Connection) -> None:
    pigeon, chatty = Pigeon(), Pigeon("chatty")
    QUIET.add("key-3")
    tell(history, pigeon, 3)
    tell(history, chatty, 3, always=True)
    assert (pigeon.told, chatty.told) == ([], ["key-3"])


def test_a_failure_is_a_warning_and_the_next_night_tries_again(history: Connection) -> None:
    pigeon = Pigeon(lame={"key-4"})
    tell(history, pigeon, 3)
    (warning,) = tell(history, pigeon, 4)
    assert warning == "nobody was told of 2026-01-05: pigeon: lame; the next night tries again"
    pigeon.lame.clear()
    tell(history, pigeon, 5)
    assert pigeon.told == ["key-3", "key-4", "key-5"]


def test_a_new_channel_that_fails_is_owed_its_first_night(history: Connection) -> None:
    pigeon = Pigeon(lame={"key-3"})
    assert len(tell(history, pigeon, 3)) == 1
    pigeon.lame.clear()
    tell(history, pigeon, 4)
    tell(history, pigeon, 4)
    assert pigeon.told == ["key-3", "key-4"]


def test_a_channel_that_was_gone_for_long_is_told_of_a_week(history: Connection) -> None:
    pigeon = Pigeon()
    tell(history, pigeon, 0)
    tell(history, pigeon, 11)
    assert pigeon.told == ["key-0", "key-11"]
    pigeon = Pigeon("other")
    tell(history, pigeon, 5)
    tell(history, pigeon, 11)
    assert pigeon.told == ["key-5", *(f"key-{number}" for number in range(6, 12))]
    assert MOST_NIGHTS == 7


def test_a_channel_that_shows_the_state_is_told_of_the_last_night_alone_even_a_quiet_one(
    history: Connection,
) -> None:
    pigeon = Pigeon(stateful=True)
    QUIET.add("key-5")
    for last in (2, 5, 5):
        tell(history, pigeon, last)
    assert pigeon.told == ["key-2", "key-5"]


def test_a_channel_remembers_the_issues_that_it_opened_and_closed(history: Connection) -> None:
    @dataclass
    class Closing(Pigeon):
        known: list[Mapping[str, str]] = field(default_factory=list)

        def send(self, message: Message, memory: Memory) -> None:
            self.known.append(memory.open_issues())
            (memory.closed if self.known[-1] else memory.opened)("group", "17")

    pigeon = Closing()
    for last in (3, 4, 5):
        tell(history, pigeon, last)
    assert pigeon.known == [{}, {"group": "17"}, {}]


def test_a_kill_between_sending_and_remembering_sends_the_same_message_again(history: Connection) -> None:
    pigeon = Pigeon(deadly={"key-3"})
    with pytest.raises(KeyboardInterrupt):
        tell(history, pigeon, 3)
    pigeon.deadly.clear()
    tell(history, pigeon, 3)
    tell(history, pigeon, 3)
    assert pigeon.told == ["key-3", "key-3"]  # with one key, by which a receiver knows it
