"""Webhooks of chats: Slack's JSON, which most others take as well, or Teams' card."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from harness.core.nights.message import Message, Paragraph
from harness.notify.channel import Memory
from harness.notify.http import Server

_MOST_CASES = 20
_MOST_PARAGRAPHS = 20
_LONGEST = 2900
"""Slack takes 3,000 characters in a block."""

_MARKDOWN = re.compile(r"([\\`*_\[\]()#~>|!])")


@dataclass(frozen=True, slots=True)
class Webhook:
    """One address that takes a message; with `teams` as an adaptive card."""

    name: str
    server: Server
    teams: bool = False
    stateful = False

    def send(self, message: Message, memory: Memory) -> None:  # noqa: ARG002 - Channel has it
        """Post the message; its key lets a receiver recognise the same message. Raises NotSent."""
        self.server.request("POST", "", card(message) if self.teams else blocks(message))


def blocks(message: Message) -> object:
    """The message as Slack takes it: blocks of plain text, in which nothing is a mention or a link."""
    texts = [message.title, *_texts(message)]
    shown = [
        {"type": "section", "text": {"type": "plain_text", "text": text[:_LONGEST], "emoji": False}}
        for text in texts
    ]
    return {"text": _slack(message.title), "blocks": shown, "key": message.key}


def card(message: Message) -> object:
    """The message as Teams takes it."""
    texts = [{"type": "TextBlock", "text": _teams(message.title), "weight": "bolder", "wrap": True}]
    texts += [{"type": "TextBlock", "text": _teams(text), "wrap": True} for text in _texts(message)]
    content = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": texts,
    }
    kind = "application/vnd.microsoft.card.adaptive"
    return {
        "type": "message",
        "attachments": [{"contentType": kind, "contentUrl": None, "content": content}],
        "key": message.key,
    }


def _texts(message: Message) -> Iterator[str]:
    shown = message.news[:_MOST_PARAGRAPHS]
    yield from map(_text, shown)
    if more := len(message.news) - len(shown):
        yield f"and {more} more"
    if message.goes_on:
        yield f"Going on: {message.goes_on}"
    if message.place:
        yield f"Report: {message.place}"


def _text(paragraph: Paragraph) -> str:
    names = paragraph.cases[:_MOST_CASES]
    more = len(paragraph.cases) - len(names)
    listed = ", ".join([*names, *([f"{more} more"] if more else [])])
    return f"{paragraph.sentence}\n{listed}" if listed else paragraph.sentence


def _slack(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _teams(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", text[:_LONGEST]).replace("\n", "\n\n")
