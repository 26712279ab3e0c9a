"""Which of the cases a command is about: by id, by glob, by tag."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import translate
from typing import Protocol, TypeVar

from harness.config.wording import alternatives, nearest
from harness.errors import UsageError

TAG = "tag:"
NOT = "!"


class Named(Protocol):
    """What can be selected."""

    @property
    def id(self) -> str:
        """The case id."""

    @property
    def tags(self) -> tuple[str, ...]:
        """The case's tags."""


N = TypeVar("N", bound=Named)


@dataclass(frozen=True, slots=True)
class _Gone:
    """A case of which only the id is known."""

    id: str
    tags: tuple[str, ...] = ()


def select(cases: Sequence[N], patterns: Sequence[str]) -> tuple[N, ...]:
    """The cases that any of `patterns` selects, in the order of `cases`; all of them without patterns.

    A pattern is a case id, a config's id (all its matrix entries), a glob over whole ids (`*` matches `/`
    too), or `tag:NAME`; `!` in front of one leaves out what it selects. Raises `UsageError` when a pattern
    selects nothing, and when nothing is left.
    """
    wanted = [pattern for pattern in patterns if not pattern.startswith(NOT)]
    unwanted = [pattern.removeprefix(NOT) for pattern in patterns if pattern.startswith(NOT)]
    left_out = {case.id for case in _selected(cases, unwanted)}
    chosen = _selected(cases, wanted) if wanted else tuple(cases)
    kept = tuple(case for case in chosen if case.id not in left_out)
    if chosen and not kept:
        raise UsageError(f"{' '.join(patterns)}: leaves no case; take a pattern with '!' away")
    return kept


def select_ids(ids: Iterable[str], patterns: Sequence[str]) -> tuple[str, ...]:
    """As `select`, of ids whose cases may be gone; raises UsageError for `tag:NAME` as well."""
    for pattern in patterns:
        if pattern.removeprefix(NOT).startswith(TAG):
            step = "name it by its id or a glob"
            raise UsageError(f"{pattern}: the tags of a case that is gone are not known; {step}")
    return tuple(case.id for case in select([_Gone(name) for name in ids], patterns))


def _selected(cases: Sequence[N], patterns: Sequence[str]) -> tuple[N, ...]:
    by_pattern = {pattern: _matching(cases, pattern) for pattern in patterns}
    missing = [_complaint(pattern, cases) for pattern, found in by_pattern.items() if not found]
    if missing:
        shows = (
            f"`harness list` shows all {len(cases)} cases"
            if len(cases) != 1
            else "`harness list` shows the only case"
        )
        raise UsageError("; ".join(missing) + f". {shows} with their tags")
    chosen = {case.id for found in by_pattern.values() for case in found}
    return tuple(case for case in cases if case.id in chosen)


def _matching(cases: Sequence[N], pattern: str) -> list[N]:
    if pattern.startswith(TAG):
        return [case for case in cases if pattern.removeprefix(TAG) in case.tags]
    exact = [case for case in cases if pattern in (case.id, _config_id(case))]
    if exact:
        return exact
    matches = re.compile(translate(pattern)).match
    return [case for case in cases if matches(case.id)]


def _config_id(case: Named) -> str:
    return case.id.partition("@")[0]


def _complaint(pattern: str, cases: Sequence[Named]) -> str:
    near = _near(pattern, cases)
    hint = f" (did you mean {alternatives(near)}?)" if near else ""
    return f"{pattern!r} selects no case{hint}"


def _near(pattern: str, cases: Sequence[Named]) -> list[str]:
    if pattern.startswith(TAG):
        tags = _unique(tag for case in cases for tag in case.tags)
        return [TAG + name for name in nearest(pattern.removeprefix(TAG), tags, 3)]
    folder = pattern.rstrip("/") + "/"
    if any(case.id.startswith(folder) for case in cases):
        return [f"'{folder}*'"]
    ids = _unique([*map(_config_id, cases), *(case.id for case in cases)])
    return nearest(pattern, ids, 3, 0.5)


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
