from __future__ import annotations

from harness.core.environment import Change
from harness.core.nights.message import Message, Paragraph
from harness.core.nights.news import Kind, News, items_of
from harness.report.messages import message_of
from tests.history.nights import head

DAY = "2026-01-03"
MOVED = (Change("software.packages.diffusers", "0.42.1", "0.43.0"),)


def news(kind: Kind, case: str, group: str = "", *, fails: bool = False, since: str = DAY) -> News:
    moved = MOVED if fails else ()
    return News(kind, case, "cpu-x86_64", since, moved, group, "values at unet" if group else "", fails=fails)


FOUND = (
    news(Kind.NEW, "sd/a", "g1", fails=True),
    news(Kind.NEW, "sd/b", "g1", fails=True),
    news(Kind.KNOWN, "sd/c", "g1", fails=True, since="2026-01-01"),
    news(Kind.REJECTED, "sd/d", "g2", fails=True),
    news(Kind.RECOVERED, "sd/e", "g3"),
    news(Kind.SHIFTED, "sd/f"),
)


def test_the_message_tells_what_is_new_and_counts_the_rest() -> None:
    moved = "moved: diffusers: 0.42.1 -> 0.43.0"
    assert message_of(head(2), items_of(FOUND)) == Message(
        "key-2",
        DAY,
        "Night of 2026-01-03: 2 new, 1 recovered",
        (
            Paragraph(
                "new",
                f"2 cases failing, new since last night: values at unet; {moved}",
                ("sd/a", "sd/b"),
                "g1",
                DAY,
            ),
            Paragraph("recovered", "1 case recovered (values at unet)", ("sd/e",), "g3", DAY),
        ),
        "1 known, 1 rejected, 1 shifted",
        (
            Paragraph(
                "failing",
                "3 cases failing since 2026-01-01: values at unet; moved then: diffusers: 0.42.1 -> 0.43.0",
                ("sd/a", "sd/b", "sd/c"),
                "g1",
                "2026-01-01",
            ),
        ),
        "nightly/2026-01-03",
    )


def test_a_night_without_news_is_quiet() -> None:
    message = message_of(head(2), items_of(FOUND[2:4]), "https://reports.example.org/3")
    assert message.quiet
    assert message.title == "Night of 2026-01-03: nothing new"
    assert message.place == "https://reports.example.org/3"
    assert [one.group for one in message.failures] == ["g1"]


def test_a_case_that_alternates_keeps_its_failure_open() -> None:
    passing = news(Kind.KNOWN, "sd/a", "g1")
    assert [one.group for one in message_of(head(2), items_of((passing,))).failures] == ["g1"]
    assert message_of(head(2), items_of((news(Kind.RECOVERED, "sd/a", "g1"),))).failures == ()
