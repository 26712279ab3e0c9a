"""The verdicts as Markdown, for a comment on a pull request and the summary page of a continuous integration run."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeVar

from harness.core.environment import Change, Environment
from harness.core.results.groups import Group, groups_of
from harness.core.results.verdict import PASSES, CaseResult, Report, Verdict
from harness.report.alike import alike, alike_details, alone
from harness.report.details import case_details, portability_lines, text_of, warning_lines
from harness.report.group_words import group_count, group_sentence, moved_words
from harness.report.harmless import plain
from harness.report.reason_words import command_words, reason_words
from harness.report.wording import (
    count_words,
    fails,
    seconds_words,
    shortened,
    verdict_summary,
    worst_words,
)

LIMIT = 60_000
"""Bytes of UTF-8 that a document may hold: a comment on GitHub takes 65,536 characters."""

_NOTE = 500
"""Bytes kept free for the sentence about what was left out."""

_HEADINGS = ("case", "platform", "relation", "verdict", "worst metric", "seconds")

_SENTENCE = 300
"""Characters of the sentence in a heading: some libraries word a reason as a page."""

_ROWS = 50
"""Rows of a table, and entries of a list, that are kept or left out together."""

_SPECIAL = re.compile(r"([\\`*_\[\]<>|~&$])")

# What GitHub and GitLab turn into a mention, a reference or a link.
_LINKED = re.compile(r"(?<!\w)@(?=\w)|#(?=\d)|:(?=//)|\bwww(?=\.)|\bGH-(?=\d)", re.IGNORECASE)

_PACKAGES = ("torch", "diffusers", "transformers")

_LEFT_OUT = {"cause": "the causes of {}", "details": "the details of {}", "row": "the rows of {}"}

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Part:
    """A part that is kept or left out as a whole: lower ranks are kept first.

    What it says (`what`) about how many entries (`count`) is told if it is left out. `under` is the place of its
    heading, without which it is left out too.
    """

    text: str
    rank: int
    what: str = ""
    count: int = 1
    under: int | None = None


def markdown(report: Report, *, allow_missing: bool = False, strict: bool = False) -> str:
    """The summary, the failures by cause with their details, then all other cases; foreign text is escaped.

    It never exceeds LIMIT: what does not fit is left out in whole parts, and the last line says what that is.
    """
    failing, others = list[CaseResult](), list[CaseResult]()
    for case in report.cases:
        (failing if fails(case, allow_missing=allow_missing, strict=strict) else others).append(case)
    summary = verdict_summary(report, allow_missing=allow_missing, strict=strict)
    parts = [
        _Part("## harness verify", 0),
        _Part(f"**{_escaped(summary)}**", 0),
        *(_Part(_environment(one), 0) for one, _ in report.in_environments()),
    ]
    for group in groups_of(failing):
        parts += [
            replace(one, under=len(parts) if place else None) for place, one in enumerate(_group(group))
        ]
    parts += _others(others, report.cases)
    kept = _fitting(parts)
    texts = [part.text for place, part in enumerate(parts) if place in kept]
    left_out = [part for place, part in enumerate(parts) if place not in kept]
    return "\n\n".join(filter(None, [*texts, _note(left_out)])) + "\n"


def _group(group: Group) -> Iterator[_Part]:
    """The heading first."""
    heading = f"### {_escaped(group_count(group))}: {_escaped(shortened(group_sentence(group), _SENTENCE))}"
    moved = _escaped(moved_words(tuple(change for change in group.moved if _is_upgrade(change))))
    text = "\n\n".join(filter(None, [heading, moved, _command(group)]))
    yield _Part(text, 1, "cause", len(group.results))
    yield from _tables(group.results, 2)
    errors = [case for case in group.results if case.verdict is Verdict.ERROR and not case.rejected]
    shared = alike(errors)
    for some in shared:
        yield _Part(_fenced(text_of(alike_details(some))), 3, "details", len(some.cases))
    for place, case in enumerate(alone(group.results, shared)):
        details = _fenced(text_of(case_details(case)))
        folded = place or shared
        yield _Part(_folded(case, details) if folded else details, 4 if folded else 3, "details")


def _is_upgrade(change: Change) -> bool:
    """Whether a package has another version on either side; the details have the other changes."""
    return change.what.startswith("software.packages.") and None not in (change.golden, change.now)


def _command(group: Group) -> str:
    """The first command for the first case, which stands for the others."""
    step = next((step for step in group.first.next_steps if step.argv), None)
    if step is None:
        return ""
    why = f"{_escaped(step.why)}: " if step.why else ""
    return f"next: {why}{_code(command_words(step))}"


def _others(others: Sequence[CaseResult], every: Sequence[CaseResult]) -> Iterator[_Part]:
    left_out = [case for case in others if case.verdict not in PASSES]
    reasons: dict[tuple[str, str], list[str]] = {}
    for case in left_out:
        reasons.setdefault((case.verdict, reason_words(case.reasons)), []).append(_code(case.case))
    yield from _lists((f"{what} {_named(ids)}: {_escaped(why)}" for (what, why), ids in reasons.items()), 3)
    yield from _lists(
        (_escaped(line.text) for line in warning_lines((one.case, one.warnings) for one in every)), 5
    )
    yield from _lists((_escaped(line.text) for line in portability_lines(every)), 7)
    yield from _tables(others, 6)


def _named(ids: Sequence[str]) -> str:
    return ids[0] if len(ids) == 1 else f"{ids[0]} and {count_words(len(ids) - 1, 'other case')}"


def _fitting(parts: Sequence[_Part]) -> set[int]:
    """The places of the parts that fit into LIMIT together, by rank."""
    room, kept = LIMIT - _NOTE, set[int]()
    for place, part in sorted(enumerate(parts), key=lambda one: one[1].rank):
        size = len(part.text.encode("utf-8", "backslashreplace")) + len("\n\n")
        if size <= room and (part.under is None or part.under in kept):
            room -= size
            kept.add(place)
    return kept


def _note(left_out: Sequence[_Part]) -> str:
    """What was left out and where to find it; "" if nothing was."""
    counts = {part.what: 0 for part in left_out}
    for part in left_out:
        counts[part.what] += part.count
    told = [
        words.format(count_words(counts[what], "case")) for what, words in _LEFT_OUT.items() if what in counts
    ]
    told += [count_words(counts["remark"], "remark")] if "remark" in counts else []
    if not told:
        return ""
    where = "`report.json` in the output folder has everything, and `harness report` shows it."
    return f"Left out to stay below {LIMIT // 1000} kB: {', '.join(told)}. {where}"


def _environment(environment: Environment | None) -> str:
    if environment is None:
        return ""
    versions = environment.software.packages
    known = [f"{name} {versions[name]}" for name in _PACKAGES if name in versions]
    return _escaped(", ".join([environment.platform, *known]))


def _tables(cases: Sequence[CaseResult], rank: int) -> Iterator[_Part]:
    for some in _batches(cases):
        lines = [
            _row(_HEADINGS),
            "| --- | --- | --- | --- | --- | ---: |",
            *(_row(_cells(case)) for case in some),
        ]
        yield _Part("\n".join(lines), rank, "row", len(some))


def _cells(case: CaseResult) -> tuple[str, ...]:
    return (
        # Inside a table, an unescaped bar ends the cell even in a code span.
        _code(case.case).replace("|", "\\|"),
        _escaped(case.platform or "-"),
        _escaped(case.relation or "-"),
        _escaped(case.verdict) if case.verdict in PASSES else f"**{_escaped(case.verdict)}**",
        _escaped(worst_words(case)),
        seconds_words(case.seconds),
    )


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _folded(case: CaseResult, details: str) -> str:
    """The details, folded under the case's id."""
    # A blank line ends the HTML, so that what follows is Markdown again.
    name = html.escape(" ".join(plain(case.case).split()))
    return f"<details><summary><code>{name}</code></summary>\n\n{details}\n\n</details>"


def _fenced(details: str) -> str:
    fence = "`" * max(3, _longest_run(details) + 1)
    return f"{fence}text\n{details}\n{fence}"


def _lists(lines: Iterable[str], rank: int) -> Iterator[_Part]:
    for some in _batches(lines):
        yield _Part("\n".join(f"- {line}" for line in some), rank, "remark", len(some))


def _batches(entries: Iterable[_T]) -> Iterator[list[_T]]:
    left = iter(entries)
    while some := list(islice(left, _ROWS)):
        yield some


def _code(text: str) -> str:
    """A code span, fenced by more backticks than the longest run in the text."""
    line = " ".join(plain(text).split())
    fence = "`" * (_longest_run(line) + 1)
    space = " " if "`" in line else ""
    return f"{fence}{space}{line}{space}{fence}"


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)


def _escaped(text: str) -> str:
    """One line in which no character has a meaning in Markdown or HTML, and nothing links or mentions anyone."""
    line = _SPECIAL.sub(r"\\\1", " ".join(plain(text).split()))
    # An empty comment is invisible and separates what would otherwise be read as a unit.
    return _LINKED.sub(r"\g<0><!-- -->", line)
