"""Selects cases by id, glob or tag, and finds the broken files that the selection touches."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from fnmatch import translate
from typing import Protocol, TypeVar

from harness.config.load import EntryName, LoadedFile, problems_of
from harness.config.wording import alternatives, nearest
from harness.core.case import Case
from harness.errors import Problem, UsageError

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
    """A case known only by its id."""

    id: str
    tags: tuple[str, ...] = ()


class Touch(IntEnum):
    """Whether patterns select something; UNKNOWN if a broken file does not tell."""

    NO = 0
    UNKNOWN = 1
    YES = 2


@dataclass(frozen=True, slots=True)
class Selection:
    """What patterns select among the configs.

    `cases` are the valid ones, in the order of their files. `problems` are those of the files that the
    patterns touch, `warnings` what may go wrong with the cases later. `outside` names the files with problems
    that the patterns do not touch, `unknown` those that they may touch.
    """

    cases: tuple[Case, ...]
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    outside: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def select_among(loaded: Sequence[LoadedFile], patterns: Sequence[str]) -> Selection:
    """What `patterns` select, as in `select`, among configs that may have problems.

    A pattern that may mean just a broken file is not a misspelling. Raises UsageError as `select` does.
    """
    sound = [case for file in loaded for case in file.cases]
    # A pattern that selects no valid case can only mean the files that do not tell.
    lonely = [one for one in patterns if not one.startswith(NOT) and not _matching(sound, one)]
    broken = {file.shown: _touch(file, patterns, lonely) for file in loaded if file.problems}
    cases = select(sound, patterns, [name for file in loaded if file.problems for name in file.names])
    chosen = {case.id for case in cases}
    touched = [file for file in loaded if broken.get(file.shown) is Touch.YES]
    warned = [
        file
        for file in loaded
        if file not in touched and (_gives(file, chosen) if file.cases else _touch(file, patterns))
    ]
    return Selection(
        cases,
        problems_of(touched),
        tuple(warning for file in warned for warning in file.warnings),
        tuple(shown for shown, touch in broken.items() if touch is Touch.NO),
        tuple(shown for shown, touch in broken.items() if touch is Touch.UNKNOWN),
    )


def select(cases: Sequence[N], patterns: Sequence[str], broken: Sequence[EntryName] = ()) -> tuple[N, ...]:
    """The cases that any of `patterns` selects, in the order of `cases`; all of them without patterns.

    A pattern is a case id, a config's id (all its matrix entries), a glob over whole ids (`*` matches `/`
    too), or `tag:NAME`; a leading `!` leaves out what it selects. `broken` are further names that a
    pattern may mean. Raises `UsageError` if a pattern selects nothing, or if nothing is left.
    """
    wanted = [pattern for pattern in patterns if not pattern.startswith(NOT)]
    unwanted = [pattern.removeprefix(NOT) for pattern in patterns if pattern.startswith(NOT)]
    left_out = {case.id for case in _selected(cases, unwanted, broken)}
    chosen = _selected(cases, wanted, broken) if wanted else tuple(cases)
    kept = tuple(case for case in chosen if case.id not in left_out)
    if not kept and patterns and not any(_touch_of(name, patterns) for name in broken):
        raise UsageError(f"{' '.join(patterns)}: leaves no case; remove a pattern with '!'")
    return kept


def select_ids(ids: Iterable[str], patterns: Sequence[str]) -> tuple[str, ...]:
    """Like `select`, for ids whose cases may no longer exist; also raises UsageError for `tag:NAME`."""
    for pattern in patterns:
        if pattern.removeprefix(NOT).startswith(TAG):
            step = "name it by its id or a glob"
            raise UsageError(f"{pattern}: the tags of a removed case are unknown; {step}")
    return tuple(case.id for case in select([_Gone(name) for name in ids], patterns))


def broken_files(
    loaded: Sequence[LoadedFile], patterns: Sequence[str]
) -> tuple[tuple[LoadedFile, ...], tuple[LoadedFile, ...]]:
    """The files with problems that `patterns` touch, may touch, and do not touch."""
    broken = [file for file in loaded if file.problems]
    outside = [file for file in broken if _touch(file, patterns) is Touch.NO]
    return tuple(file for file in broken if file not in outside), tuple(outside)


def _gives(file: LoadedFile, chosen: set[str]) -> bool:
    return any(case.id in chosen for case in file.cases)


def _touch(file: LoadedFile, patterns: Sequence[str], sure: Sequence[str] = ()) -> Touch:
    """Whether `patterns` select anything that the file gives or would give; a match of one in `sure` is certain."""
    touch = max(_touch_of(name, patterns) for name in file.names)
    meant = any(_means(pattern, name) for pattern in sure for name in file.names)
    return Touch.YES if touch and meant else touch


def _touch_of(name: EntryName, patterns: Sequence[str]) -> Touch:
    unwanted = [pattern.removeprefix(NOT) for pattern in patterns if pattern.startswith(NOT)]
    # Anything left out only in part, or perhaps, stays in: nothing is skipped on a guess.
    if any(_means(pattern, replace(name, open=False)) is Touch.YES for pattern in unwanted):
        return Touch.NO
    wanted = [pattern for pattern in patterns if not pattern.startswith(NOT)]
    return max((_means(pattern, name) for pattern in wanted), default=Touch.YES)


def _means(pattern: str, name: EntryName) -> Touch:
    """Whether `pattern`, without its `!`, selects the entry."""
    if pattern.startswith(TAG):
        if name.tags is None:
            return Touch.UNKNOWN
        return Touch.YES if pattern.removeprefix(TAG) in name.tags else Touch.NO
    config = name.id.partition("@")[0]
    if pattern in (name.id, config) or re.match(translate(pattern), name.id):
        return Touch.YES
    if not name.open:
        return Touch.NO
    inside = name.id.endswith("/") and pattern.startswith(name.id)
    if inside or pattern.partition("@")[0] == config:
        return Touch.YES
    starts = (pattern[:length] for length in range(1, len(pattern) + 1))
    may_go_on = any(re.match(translate(start), f"{config}@") for start in starts)
    return Touch.UNKNOWN if may_go_on else Touch.NO


def _selected(cases: Sequence[N], patterns: Sequence[str], broken: Sequence[EntryName]) -> tuple[N, ...]:
    by_pattern = {pattern: _matching(cases, pattern) for pattern in patterns}
    missing = [
        _complaint(pattern, cases, broken)
        for pattern, found in by_pattern.items()
        if not found and not any(_means(pattern, name) for name in broken)
    ]
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


def _complaint(pattern: str, cases: Sequence[Named], broken: Sequence[EntryName]) -> str:
    near = _near(pattern, cases, broken)
    hint = f" (did you mean {alternatives(near)}?)" if near else ""
    return f"{pattern!r} selects no case{hint}"


def _near(pattern: str, cases: Sequence[Named], broken: Sequence[EntryName]) -> list[str]:
    if pattern.startswith(TAG):
        stated = [*(case.tags for case in cases), *(name.tags or () for name in broken)]
        tags = _unique(tag for some in stated for tag in some)
        return [TAG + name for name in nearest(pattern.removeprefix(TAG), tags, 3)]
    folder = pattern.rstrip("/") + "/"
    if any(case.id.startswith(folder) for case in cases):
        return [f"'{folder}*'"]
    ids = _unique([*map(_config_id, cases), *(case.id for case in cases), *(name.id for name in broken)])
    return nearest(pattern, ids, 3, 0.5)


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
