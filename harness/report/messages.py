"""From the news of a night to the message that is sent."""

from __future__ import annotations

from collections.abc import Sequence

from harness.core.nights.message import Message, Paragraph
from harness.core.nights.news import FAILING, Item, News
from harness.core.nights.timeline import Head
from harness.report.harmless import one_line
from harness.report.news_words import item_words, moved_words, summary_words
from harness.report.wording import count_words


def message_of(night: Head, items: Sequence[Item], place: str = "") -> Message:
    """What is told of a night; each text is one line without control characters, wherever its words come from."""
    loud, rest = [item for item in items if item.loud], [item for item in items if not item.loud]
    summary = summary_words(loud) if loud else "nothing new"
    title = f"Night of {night.day}: {summary}"
    news = tuple(_paragraph(item) for item in loud)
    return Message(
        night.key,
        night.day,
        title,
        news,
        summary_words(rest) if rest else "",
        _failures(items),
        one_line(place or night.folder),
        night.code,
    )


def _paragraph(item: Item) -> Paragraph:
    cases = tuple(one_line(one.case) for one in item.news if one.case)
    return Paragraph(str(item.kind), item_words(item), cases, item.first.group, item.first.since)


def _failures(items: Sequence[Item]) -> tuple[Paragraph, ...]:
    """Every cause that fails tonight and that nobody rejected, whenever it began."""
    groups = dict[str, list[News]]()
    for item in items:
        for one in item.news:
            if one.kind in FAILING and one.group:
                groups.setdefault(one.group, []).append(one)
    return tuple(_failure(group, news) for group, news in groups.items())


def _failure(group: str, news: Sequence[News]) -> Paragraph:
    first = min(news, key=lambda one: one.since)
    moved = f"; moved then: {moved_words(first.moved)}" if first.moved else ""
    sentence = one_line(f"{count_words(len(news), 'case')} failing since {first.since}: {first.what}{moved}")
    return Paragraph("failing", sentence, tuple(one_line(one.case) for one in news), group, first.since)
