"""What `harness env --environments` and `--prune` show: the environments in the user's cache, and what they take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from rich.console import Console
from rich.text import Text

from harness.codec import to_json
from harness.core.results.environments import KeptEnvironment, KeptReport
from harness.report.details import Line
from harness.report.harmless import one_line, plain
from harness.report.paint import STYLES, Sheet, painted
from harness.report.views.candidates import changes_words
from harness.report.views.prune import size_words
from harness.report.wording import count_words

SCHEMA = 1

_DIGITS = 12
"""Hex digits shown of a key."""


@dataclass(frozen=True, slots=True)
class _Document:
    schema: int
    root: str
    limit: int
    bytes: int
    environments: tuple[KeptEnvironment, ...]
    removed: tuple[str, ...]


def kept_json(report: KeptReport) -> str:
    """Every environment that is kept, and the names of those that were removed."""
    document = _Document(SCHEMA, report.root, report.limit, report.bytes, report.environments, report.removed)
    return to_json(document, indent=2) + "\n"


def kept_sections(report: KeptReport, console: Console, *, quiet: bool) -> list[list[Text]]:
    """The sections of the screen: a table, and the sum; only the sum if `quiet`."""
    table = [] if quiet or not report.environments else _table(report, console)
    return [table, painted(_sum(report), console)]


def _table(report: KeptReport, console: Console) -> list[Text]:
    sheet = Sheet(
        ("environment", "made", "last used", "size", "would free", "imports"), right=("size", "would free")
    )
    for one in report.environments:
        sheet.add(
            one.key[:_DIGITS],
            _time(one.made),
            "in use" if one.in_use else _time(one.used),
            size_words(one.bytes),
            size_words(one.frees),
            _imports(one),
        )
        sheet.span(Text(f"  {plain(changes_words(one.moved)) or 'the same packages as here'}"))
        if one.problem:
            sheet.span(Text(f"  cannot be imported: {plain(one_line(one.problem))}"))
    return sheet.lines(console)


def _imports(one: KeptEnvironment) -> Text:
    if one.importable is None:
        return Text("not tried")
    return Text("yes") if one.importable else Text("no", style=STYLES["broken"])


def _time(when: datetime) -> str:
    """In the local time zone."""
    return f"{when.astimezone():%Y-%m-%d %H:%M}"


def _sum(report: KeptReport) -> Iterator[Line]:
    if report.removed:
        yield Line(f"removed {count_words(len(report.removed), 'environment')}")
    yield Line(plain(report.root))
    count = count_words(len(report.environments), "environment") if report.environments else "no environments"
    size = f"{size_words(report.bytes)} of at most {size_words(report.limit)}"
    yield Line(f"{count}, {size}", bold=True)
