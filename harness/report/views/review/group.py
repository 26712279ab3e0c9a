"""What `harness accept --interactive` shows of a group of failures before it asks: all cases, the first one whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from rich.console import Console
from rich.text import Text

from harness.core.results.explanation import GrowthRow
from harness.core.results.groups import Group
from harness.core.results.review import Look
from harness.report.details import Line, case_details, heading
from harness.report.group_words import group_count, group_sentence, moved_words
from harness.report.harmless import one_line, plain
from harness.report.paint import painted
from harness.report.views.stages_table import MOST_COLUMNS, sparkline, stage_lines
from harness.report.wording import rejection_words, worst_words


def group_sections(
    group: Group, looks: Sequence[Look], place: tuple[int, int], console: Console
) -> list[list[Text]]:
    """The sections of the screen: what the cases share, the first with its growth, a paragraph for each other."""
    number, total = place
    moved = moved_words(group.moved)
    head = [
        Line(f"group {number} of {total}  {group_count(group)}", bold=True),
        Line(group_sentence(group), indent=2),
        *([Line(one_line(moved), indent=2)] if moved else []),
    ]
    first, *others = looks
    return [painted(head, console), _whole(first, console), *(_brief(one, console) for one in others)]


def _whole(one: Look, console: Console) -> list[Text]:
    # The next steps of a report lead to where the reader already is.
    result = replace(one.result, next_steps=())
    return [
        *painted(case_details(result), console),
        *stage_lines(one.stages, result.first_divergence, console),
        *painted(_pictures(one), console),
    ]


def _brief(one: Look, console: Console) -> list[Text]:
    result = one.result
    told = [heading(result.verdict, result.case, result.platform, result.relation)]
    if words := worst_words(result):
        told.append(Line(one_line(words), indent=2))
    if result.rejected:
        told.append(Line(one_line(rejection_words(result.rejected)), indent=2))
    if row := _telling(one):
        curve = sparkline(row.curve, MOST_COLUMNS, ascii_only=console.options.ascii_only)
        told.append(Line(f"rel_l2 of {one_line(row.event)} by call: {curve}", indent=2))
    return painted([*told, *_pictures(one)], console)


def _pictures(one: Look) -> Iterator[Line]:
    return (Line(f"picture: {plain(path)}", indent=2, whole=True) for path in one.pictures)


def _telling(one: Look) -> GrowthRow | None:
    """The event where it began, else the one with the largest error."""
    began = one.result.first_divergence
    own = next((row for row in one.stages if began and row.event == began.event), None)
    grown = [row for row in one.stages if row.worst]
    return own or max(grown, key=lambda row: row.worst or 0.0, default=None)
