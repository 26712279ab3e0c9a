"""What `harness env` shows: a fingerprint, or what differs between two of them."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from harness.core.environment import Change, Environment, entries
from harness.report.details import Line
from harness.report.paint import Sheet, painted
from harness.report.wording import count_words, plain


def environment_sections(environment: Environment, console: Console) -> list[list[Text]]:
    """Every entry of the fingerprint, by its dotted name."""
    sheet = Sheet(["entry", "value"])
    for name, value in entries(environment).items():
        sheet.add(name, value)
    return [sheet.lines(console)]


def change_sections(changes: Sequence[Change], left: str, right: str, console: Console) -> list[list[Text]]:
    """The entries in which two fingerprints differ, side by side, in the order given."""
    names = painted([Line(f"A  {plain(left)}", whole=True), Line(f"B  {plain(right)}", whole=True)], console)
    if not changes:
        return [names, [Text("no differences", style="green")]]
    sheet = Sheet(["entry", "A", "B"])
    for change in changes:
        sheet.add(change.what, _side(change.golden), _side(change.now))
    return [names, sheet.lines(console), [Text(count_words(len(changes), "difference"), style="bold")]]


def _side(value: str | None) -> str:
    return "absent" if value is None else value
