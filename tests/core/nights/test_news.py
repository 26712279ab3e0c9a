from __future__ import annotations

from harness.core.environment import Change
from harness.core.nights.news import LOUD, Item, Kind, News, items_of

MOVED = (Change("software.packages.torch", "2.12", "2.13"),)


def news(kind: Kind, case: str, group: str = "", moved: tuple[Change, ...] = ()) -> News:
    return News(kind, case, "cpu-x86_64", "2026-03-01", moved, group)


def test_news_of_one_cause_are_one_item_the_most_urgent_first() -> None:
    known = news(Kind.KNOWN, "z", "g0")
    single = news(Kind.NEW, "a", "g1", MOVED)
    pair = (news(Kind.NEW, "b", "g2", MOVED), news(Kind.NEW, "c", "g2", MOVED))
    elsewhere = news(Kind.NEW, "d", "g2")
    found = items_of((known, single, pair[0], elsewhere, pair[1]))
    assert found == (Item(pair), Item((single,)), Item((elsewhere,)), Item((known,)))


def test_what_goes_on_is_not_told_again() -> None:
    assert set(Kind) - LOUD == {Kind.KNOWN, Kind.REJECTED, Kind.SHIFTED}
    assert Item((news(Kind.NEW, "a"),)).loud
    assert not Item((news(Kind.REJECTED, "a"),)).loud
