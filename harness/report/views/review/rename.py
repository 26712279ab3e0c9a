"""What `harness rename` shows: each file that got another name."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from harness.codec import to_json
from harness.core.results.review import MovedFile, RenameReport
from harness.report.details import Line
from harness.report.harmless import plain
from harness.report.paint import painted
from harness.report.wording import count_words

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class _Document:
    schema: int
    old: str
    new: str
    moved: tuple[MovedFile, ...]
    completed: bool
    notes: tuple[str, ...]


def rename_json(report: RenameReport) -> str:
    """Every file with its old and its new path."""
    found = (report.old, report.new, report.moved, report.completed, report.notes)
    return to_json(_Document(SCHEMA, *found), indent=2) + "\n"


def rename_sections(report: RenameReport, console: Console, *, quiet: bool) -> list[list[Text]]:
    """The sections of the screen: a line per file, what is left to do, the sum."""
    moved = [Line(f"{one.what}: {plain(one.old)} -> {plain(one.new)}", whole=True) for one in report.moved]
    notes = [Line(f"note: {plain(note)}") for note in report.notes]
    again = ", which completes an earlier rename" if report.completed else ""
    files = count_words(len(report.moved), "file")
    total = Line(f"renamed {plain(report.old)} to {plain(report.new)}: {files}{again}", bold=True)
    return [[] if quiet else painted(moved, console), painted(notes, console), painted([total], console)]
