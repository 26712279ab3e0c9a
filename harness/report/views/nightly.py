"""What `harness nightly` says after its verify: the news of the night, on the screen and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.console import Console
from rich.text import Text

from harness.codec import to_json
from harness.core.environment import Change
from harness.core.nights.news import Item, Rise
from harness.core.nights.timeline import Head
from harness.report.details import Line
from harness.report.news_words import cases_words, item_words, summary_words
from harness.report.paint import painted

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class _Item:
    kind: str
    sentence: str
    loud: bool
    group: str
    since: str
    accepted: bool
    moved: tuple[Change, ...]
    cases: tuple[_Case, ...]


@dataclass(frozen=True, slots=True)
class _Case:
    case: str
    platform: str
    fails: bool
    rise: Rise | None


@dataclass(frozen=True, slots=True)
class _Document:
    schema: int
    night: str
    started: datetime
    folder: str
    exit_code: int | None
    news: tuple[_Item, ...]


def news_json(night: Head, items: Sequence[Item]) -> str:
    """The news of the night, grouped by cause, with the exit code of its verify."""
    found = tuple(map(_item, items))
    return (
        to_json(_Document(SCHEMA, night.key, night.started, night.folder, night.code, found), indent=2) + "\n"
    )


def _item(item: Item) -> _Item:
    first = item.first
    cases = tuple(_Case(one.case, one.platform, one.fails, one.rise) for one in item.news if one.case)
    return _Item(
        str(item.kind),
        item_words(item),
        item.loud,
        first.group,
        first.since,
        first.accepted,
        first.moved,
        cases,
    )


def nightly_sections(
    night: Head, items: Sequence[Item], console: Console, *, quiet: bool
) -> list[list[Text]]:
    """The sections of the screen: a paragraph for each cause, and where the night is; if `quiet`, only what is new."""
    shown = [item for item in items if item.loud or not quiet]
    code = "" if night.code is None else f" (exit code {night.code})"
    end = Line(f"nightly: {night.folder}: {summary_words(items)}{code}", bold=True)
    return [painted(_lines(shown), console), painted([end], console)]


def _lines(items: Sequence[Item]) -> Iterator[Line]:
    for item in items:
        yield Line(item_words(item))
        if named := cases_words(item):
            yield Line(named, indent=2)
