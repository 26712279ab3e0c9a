from __future__ import annotations

import json
from dataclasses import replace

from harness.core.nights.message import Paragraph
from harness.notify.http import Server
from harness.notify.webhook import Webhook, blocks, card
from tests.notify.samples import HOSTILE, MESSAGE, NEW, Memory
from tests.support.messengers import messenger


def test_slack_gets_blocks_of_plain_text() -> None:
    def section(text: str) -> object:
        return {"type": "section", "text": {"type": "plain_text", "text": text, "emoji": False}}

    assert blocks(MESSAGE) == {
        "text": "Night of 2026-03-01: 2 new",
        "blocks": [
            section("Night of 2026-03-01: 2 new"),
            section("2 cases failing, new since last night: values at unet\nsd/a, sd/b"),
            section("Going on: 1 known"),
            section("Report: nightly/2026-03-01"),
        ],
        "key": "night-key",
    }


def test_teams_gets_a_card() -> None:
    found = json.loads(json.dumps(card(MESSAGE)))
    (attachment,) = found["attachments"]
    assert (found["type"], attachment["contentType"]) == (
        "message",
        "application/vnd.microsoft.card.adaptive",
    )
    assert [block["text"] for block in attachment["content"]["body"]] == [
        "Night of 2026-03-01: 2 new",
        "2 cases failing, new since last night: values at unet\n\nsd/a, sd/b",
        "Going on: 1 known",
        "Report: nightly/2026-03-01",
    ]


def test_nobody_is_mentioned_by_a_message() -> None:
    hostile = replace(MESSAGE, title=HOSTILE, news=(Paragraph("new", HOSTILE, (HOSTILE,)),))
    slack = json.loads(json.dumps(blocks(hostile)))
    assert "<" not in slack["text"]
    assert {block["text"]["type"] for block in slack["blocks"]} == {"plain_text"}
    teams = json.loads(json.dumps(card(hostile)))["attachments"][0]["content"]["body"]
    assert "\\[x\\]\\(http://evil\\)" in teams[0]["text"]
    assert "\\*bold\\*" in teams[1]["text"]


def test_long_messages_are_cut_where_the_chat_would_refuse_them() -> None:
    many = Paragraph("new", "many cases", tuple(f"case-{place}" for place in range(500)))
    found = json.loads(json.dumps(blocks(replace(MESSAGE, news=(many,) * 60))))
    texts = [block["text"]["text"] for block in found["blocks"]]
    assert len(texts) <= 50
    assert max(map(len, texts)) <= 3000
    assert "480 more" in texts[1]
    assert "and 40 more" in texts


def test_the_message_is_posted_once() -> None:
    with messenger() as there:
        Webhook("webhook", Server("webhook", f"{there.address}/hook")).send(MESSAGE, Memory())
        Webhook("teams", Server("teams", f"{there.address}/hook"), teams=True).send(MESSAGE, Memory())
    first, second = there.got
    assert (first.method, first.path, first.body) == ("POST", "/hook", blocks(MESSAGE))
    assert second.body == card(MESSAGE)
    assert NEW.sentence in json.dumps(first.body)


def test_a_long_text_is_cut() -> None:
    long = replace(MESSAGE, news=(Paragraph("new", "x" * 5000, ()),))
    texts = [block["text"]["text"] for block in json.loads(json.dumps(blocks(long)))["blocks"]]
    assert texts[1] == "x" * 2900
    teams = json.loads(json.dumps(card(long)))["attachments"][0]["content"]["body"]
    assert teams[1] == {"type": "TextBlock", "text": "x" * 2900, "wrap": True}


def test_a_message_without_more_ends_with_its_news() -> None:
    short = replace(MESSAGE, goes_on="", place="")
    texts = [block["text"]["text"] for block in json.loads(json.dumps(blocks(short)))["blocks"]]
    assert texts == [short.title, f"{NEW.sentence}\nsd/a, sd/b"]
