"""The cases that a command was asked for; separate from the code that runs them, to keep `list` fast."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.config.load import load_files
from harness.config.select import Selection, select_among
from harness.config.wording import listing
from harness.core.case import Case
from harness.errors import ConfigError, Problem
from harness.invocation.options import Options
from harness.report.terminal import Screen
from harness.report.wording import count_words


def selected_cases(options: Options, screen: Screen, *, elsewhere: bool = False) -> tuple[Case, ...]:
    """The selected cases; shows warnings about them, and which other configs have problems.

    With `elsewhere` they run under other versions, so their classes need not exist here.
    Raises ConfigError with the problems of all files that the selection touches; other files' problems stop nothing.
    """
    selection = selected(options, elsewhere=elsewhere)
    if selection.problems:
        raise ConfigError(selection.problems)
    warn_of(selection, screen)
    return selection.cases


def selected(options: Options, *, elsewhere: bool = False) -> Selection:
    """What the options select among the configs, valid or not."""
    return select_among(load_files(options.configs, elsewhere=elsewhere), options.select)


def warn_of(selection: Selection, screen: Screen) -> None:
    """Show what may go wrong with the selected cases, one line per kind, and which other files have problems."""
    for warning in gathered(selection.warnings):
        screen.warn(warning)
    warn_of_outside(selection.outside, screen)
    if selection.unknown:
        screen.warn(_others(selection.unknown, "that cannot be read and may belong to the selection"))


def warn_of_outside(files: Sequence[str], screen: Screen) -> None:
    """Warn that these files, which the selection does not touch, have problems."""
    if files:
        screen.warn(_others(files, "outside the selection"))


def _others(files: Sequence[str], which: str) -> str:
    have = "have" if len(files) > 1 else "has"
    what = f"{count_words(len(files), 'config')} {which} {have} problems"
    return f"{what}: {listing(files)}; `harness list` shows them"


def gathered(warnings: Sequence[Problem]) -> Iterable[str]:
    """The warnings, one line per kind."""
    kinds: dict[str, list[str]] = {}
    for warning in warnings:
        kinds.setdefault(warning.message, []).append(_place(warning))
    for message, places in kinds.items():
        yield f"{listing(places)}: {message}"


def _place(warning: Problem) -> str:
    return str(Problem(warning.file, warning.key, warning.value, "")).removesuffix(": ")
