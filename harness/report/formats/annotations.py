"""Workflow commands by which GitHub Actions shows failures beside the lines of the configs that define their cases.

The form and the limits are those of GitHub's documentation, "Workflow commands for GitHub Actions".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path

from harness.core.results.groups import groups_of
from harness.core.results.verdict import CaseResult, Report
from harness.report.harmless import one_line, plain
from harness.report.reason_words import command_words, reason_words, warning_words
from harness.report.wording import count_words, fails, grouped_warnings, shortened, unfinished_words

MOST = 10
"""Annotations of each level that GitHub keeps of one step; it drops the rest without a word."""

_TITLE = 200
"""Characters of a title."""

_MESSAGE = 2000
"""Characters of a message; GitHub takes 64 kB."""

_MORE = "the log, the JSON report and `harness report` show all of them"


@dataclass(frozen=True, slots=True)
class _Annotation:
    """One annotation: what it says, and the file ("" for none) and line that it belongs to."""

    title: str
    message: str
    file: str = ""
    line: int = 1


def annotation_commands(
    report: Report, workspace: str, *, allow_missing: bool, strict: bool
) -> tuple[str, ...]:
    """The commands, a line each: an error for each failing case, a warning for each warning, ten of each at most.

    Errors begin with one case of each cause. If there are more than ten, the tenth counts the others. Paths are
    relative to `workspace`, the folder of the checkout, if the current folder is in it.
    """
    failing = [case for case in report.cases if fails(case, allow_missing=allow_missing, strict=strict)]
    errors = [*_unfinished(report), *map(_failure, _one_of_each_cause_first(failing))]
    errors = _at_most(errors, lambda count: f"{count_words(count, 'more failing case')}; {_MORE}")
    warnings = _at_most(
        _warnings(report.cases), lambda count: f"{count_words(count, 'more warning')}; {_MORE}"
    )
    return tuple(
        _command(level, one, workspace)
        for level, every in (("error", errors), ("warning", warnings))
        for one in every
    )


def _unfinished(report: Report) -> list[_Annotation]:
    if report.finished:
        return []
    return [_Annotation(unfinished_words(report.not_run), ", ".join(report.not_run))]


def _one_of_each_cause_first(failing: Sequence[CaseResult]) -> list[CaseResult]:
    columns = zip_longest(*(group.results for group in groups_of(failing)))
    return [case for case in chain.from_iterable(columns) if case is not None]


def _failure(case: CaseResult) -> _Annotation:
    began = case.first_divergence.sentence if case.first_divergence else ""
    commands = (command_words(step) for step in case.next_steps if step.argv)
    lines = [reason_words(case.reasons), began, *(f"next: {one}" for one in list(commands)[:1])]
    message = "\n".join(filter(None, map(one_line, lines)))
    return _Annotation(f"{case.verdict}: {case.case}", message, case.source, case.line)


def _warnings(cases: Sequence[CaseResult]) -> list[_Annotation]:
    places = {case.case: (case.source, case.line) for case in cases}
    told = ((case.case, warning_words(case.warnings)) for case in cases)
    return [
        _Annotation(f"warning: {_named(ids)}", one_line(warning), *places[ids[0]])
        for warning, ids in grouped_warnings(told).items()
    ]


def _named(ids: Sequence[str]) -> str:
    return ids[0] if len(ids) == 1 else f"{ids[0]} and {count_words(len(ids) - 1, 'other case')}"


def _at_most(found: list[_Annotation], rest: Callable[[int], str]) -> list[_Annotation]:
    if len(found) <= MOST:
        return found
    words = rest(len(found) - MOST + 1)
    return [*found[: MOST - 1], _Annotation(words.partition(";")[0], words)]


def _command(level: str, one: _Annotation, workspace: str) -> str:
    place = {"file": _relative(one.file, workspace), "line": str(one.line)} if one.file else {}
    # An empty message would make GitHub drop the annotation.
    message = shortened(plain(one.message or one.title), _MESSAGE)
    properties = {**place, "title": shortened(one_line(one.title), _TITLE)}
    written = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{level} {written}::{_data(message)}"


def _relative(file: str, workspace: str) -> str:
    whole = Path(file).absolute()
    return whole.relative_to(workspace).as_posix() if workspace and whole.is_relative_to(workspace) else file


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
