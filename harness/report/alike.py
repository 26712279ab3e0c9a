"""Cases that failed for the same reason are reported once, with the cases named."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from harness.core.results.next_step import NextSteps
from harness.core.results.reasons import Reasons
from harness.report.details import MOST_CASES_NAMED, Line, log_lines, next_lines
from harness.report.harmless import plain
from harness.report.reason_words import reason_words
from harness.report.wording import count_words


class Told(Protocol):
    """A result of any command: frozen, with the fields used here."""

    @property
    def case(self) -> str:
        """The case's id."""

    @property
    def reasons(self) -> Reasons:
        """The reasons for the outcome."""

    @property
    def next_steps(self) -> NextSteps:
        """What to do next."""

    @property
    def log(self) -> tuple[str, ...]:
        """The last lines of the worker's log."""


Result = TypeVar("Result", bound=Told)


@dataclass(frozen=True, slots=True)
class Alike:
    """Cases with the same report; `log` comes from any of them that has one."""

    reason: str
    next_steps: NextSteps
    log: tuple[str, ...]
    cases: tuple[str, ...]


def alike(errors: Sequence[Told]) -> list[Alike]:
    """The groups of two or more cases among `errors` for which one block says as much as a block each."""
    groups: dict[tuple[str, NextSteps], list[Told]] = {}
    for one in errors:
        groups.setdefault((reason_words(one.reasons), one.next_steps), []).append(one)
    found = []
    for (reason, steps), group in groups.items():
        logs = list(dict.fromkeys(one.log for one in group if one.log))
        if reason and len(group) > 1 and len(logs) <= 1:
            found.append(Alike(reason, steps, logs[0] if logs else (), tuple(one.case for one in group)))
    return found


def alone(results: Iterable[Result], groups: Sequence[Alike]) -> list[Result]:
    """The results that belong to no group."""
    told = {case for group in groups for case in group.cases}
    return [one for one in results if one.case not in told]


def alike_details(group: Alike) -> list[Line]:
    """The reason, the cases, the log and what to do."""
    first, *more = plain(group.reason).splitlines()
    return [
        Line(f"error  {first}", verdict="error"),
        *(Line(line, indent=2) for line in more),
        Line(_cases(group.cases), indent=2),
        *log_lines(group.log),
        *next_lines([group.next_steps]),
    ]


def _cases(cases: Sequence[str]) -> str:
    named, rest = cases[:MOST_CASES_NAMED], len(cases) - MOST_CASES_NAMED
    more = f" and {rest} more" if rest > 0 else ""
    return f"{count_words(len(cases), 'case')} could not run: {', '.join(named)}{more}"


def logged_once(results: Iterable[Result]) -> tuple[Result, ...]:
    """The results; of those with the same reason and log, only the first keeps the log."""
    seen, kept = set[tuple[str, tuple[str, ...]]](), []
    for one in results:
        told = reason_words(one.reasons), one.log
        known = bool(one.log) and told in seen
        seen.add(told)
        frozen: Any = one
        kept.append(replace(frozen, log=()) if known else one)
    return tuple(kept)
