"""What `harness log` and `harness diff` show: histories of goldens, and the distance between two of their entries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

from rich.console import Console
from rich.text import Text

from harness.codec import to_json
from harness.core.history import Entry, TensorDifference
from harness.core.results.review import GoldenHistory, HistoryDifference
from harness.report.details import Line, change_lines
from harness.report.harmless import one_line, plain
from harness.report.json_forms import TensorForm, tensor_forms
from harness.report.paint import painted
from harness.report.views.differences import comparison_sections
from harness.report.wording import metric_list, person_words, rejection_words

SCHEMA = 1

_HANG = 5


@dataclass(frozen=True, slots=True)
class _Log:
    schema: int
    cases: tuple[GoldenHistory, ...]


@dataclass(frozen=True, slots=True)
class _Difference:
    schema: int
    case: str
    platform: str
    first: int
    second: int
    entries: tuple[Entry, Entry]
    tensors: tuple[TensorForm, ...]


def log_json(found: Sequence[GoldenHistory]) -> str:
    """Each golden with its entries, the oldest first, and with what stands beside it."""
    return to_json(_Log(SCHEMA, tuple(found)), indent=2) + "\n"


def difference_json(found: HistoryDifference) -> str:
    """The two entries and every metric between their goldens."""
    given: dict[str, Any] = {field.name: getattr(found, field.name) for field in fields(found)}
    return to_json(_Difference(SCHEMA, **{**given, "tensors": tensor_forms(found.tensors)}), indent=2) + "\n"


def log_sections(found: Sequence[GoldenHistory], console: Console) -> list[list[Text]]:
    """The sections of the screen, one per golden, the latest entry first."""
    return [painted(_golden(one), console) for one in found]


def difference_sections(found: HistoryDifference, console: Console, *, quiet: bool) -> list[list[Text]]:
    """Which entries are compared, then a block per tensor."""
    numbers = (found.first, found.second)
    left, right = (
        f"{found.case}  ({found.platform})  {_made(number, entry)}"
        for number, entry in zip(numbers, found.entries, strict=True)
    )
    return comparison_sections(found.tensors, left, right, console, quiet=quiet)


def _golden(one: GoldenHistory) -> Iterator[Line]:
    yield Line(f"{plain(one.case)}  ({plain(one.platform)})", bold=True)
    if one.unusable:
        yield Line(one_line(one.unusable), indent=2)
    if one.draft and not one.draft.unusable:
        why = f": {one.draft.reason}" if one.draft.reason else ""
        yield Line(
            f"{one.draft.state} draft by {one_line(one.draft.by)}, {one.draft.at}{one_line(why)}", indent=2
        )
    for rejection in one.rejections:
        yield Line(one_line(rejection_words(rejection)), indent=2)
    for number in range(len(one.entries), 0, -1):
        yield from _entry(number, one.entries[number - 1])


def _entry(number: int, entry: Entry) -> Iterator[Line]:
    yield Line(_made(number, entry), indent=2)
    if entry.reason:
        yield Line(one_line(entry.reason), indent=_HANG)
    if entry.confirmed:
        agreed = f": {entry.confirmed.reason}" if entry.confirmed.reason else ""
        by = person_words(entry.confirmed.by)
        yield Line(one_line(f"confirmed {entry.confirmed.at} by {by}{agreed}"), indent=_HANG)
    if before := _before(entry):
        yield Line(one_line(f"before: {before}"), indent=_HANG)
    for what, changes in (("definition", entry.definition), ("environment", entry.environment)):
        for line in change_lines(what, changes):
            yield Line(line.text, indent=line.indent + _HANG - 2)
    for rejection in entry.rejections:
        yield Line(one_line(f"until then {rejection_words(rejection)}"), indent=_HANG)


def _made(number: int, entry: Entry) -> str:
    how = f"rename from {entry.renamed}" if entry.renamed else entry.how
    return f"{number}  {one_line(entry.at)}  {one_line(f'{how} by {person_words(entry.by)}')}"


def _before(entry: Entry) -> str:
    """The verdict before, the outputs furthest from the golden, and the cause's fingerprint."""
    metrics = "; ".join(map(_metrics, entry.metrics))
    cause = f"cause {entry.cause}" if entry.cause else ""
    return ", ".join(filter(None, [entry.verdict, metrics, cause]))


def _metrics(one: TensorDifference) -> str:
    return f"{one.tensor} {metric_list(one.metrics)}"
