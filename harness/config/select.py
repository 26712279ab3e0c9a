"""Which of the cases a command is about: by id, by glob, by tag."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import translate

from harness.config.wording import alternatives, nearest
from harness.core.case import Case
from harness.errors import UsageError

TAG = "tag:"
NOT = "!"


def select(cases: Sequence[Case], patterns: Sequence[str]) -> tuple[Case, ...]:
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


def _selected(cases: Sequence[Case], patterns: Sequence[str]) -> tuple[Case, ...]:
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


def _matching(cases: Sequence[Case], pattern: str) -> list[Case]:
    if pattern.startswith(TAG):
        return [case for case in cases if pattern.removeprefix(TAG) in case.tags]
    exact = [case for case in cases if pattern in (case.id, _config_id(case))]
    if exact:
        return exact
    matches = re.compile(translate(pattern)).match
    return [case for case in cases if matches(case.id)]


def _config_id(case: Case) -> str:
    return case.id.partition("@")[0]


def _complaint(pattern: str, cases: Sequence[Case]) -> str:
    near = _near(pattern, cases)
    hint = f" (did you mean {alternatives(near)}?)" if near else ""
    return f"{pattern!r} selects no case{hint}"


def _near(pattern: str, cases: Sequence[Case]) -> list[str]:
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
