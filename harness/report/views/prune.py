"""What `harness prune` shows: the files that no case uses, their share of the store, and objections."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from harness.codec import to_json
from harness.core.results.next_step import NextStep
from harness.core.results.recording import ObsoleteFile, PruneReport, StoreSize
from harness.report.details import Line, next_lines
from harness.report.harmless import plain
from harness.report.paint import painted
from harness.report.wording import count_words

SCHEMA = 1

_UNITS = ("bytes", "KB", "MB", "GB")


@dataclass(frozen=True, slots=True)
class _Document:
    schema: int
    obsolete: tuple[ObsoleteFile, ...]
    store: StoreSize
    deleted: bool
    objections: tuple[str, ...]
    waiting: tuple[str, ...]


def prune_json(report: PruneReport) -> str:
    """Every obsolete file with the reason, the size of the store beforehand, and whether they were deleted."""
    found = (report.obsolete, report.store, report.deleted, report.objections, report.waiting)
    document = _Document(SCHEMA, *found)
    return to_json(document, indent=2) + "\n"


def prune_sections(
    report: PruneReport, root: str, command: NextStep, console: Console, *, quiet: bool
) -> list[list[Text]]:
    """The sections of the screen; `command` is the step that would delete the files."""
    waits = [] if quiet else painted(_waiting(report), console)
    if not report.obsolete:
        told = f"{plain(root)}: every golden belongs to a case ({_store(report.store)})"
        return [waits, painted([Line(told)], console)]
    files = [line for one in report.obsolete for line in _file(one, deleted=report.deleted)]
    share = [Line(_share(report), bold=True)]
    objections = [Line(f"check first: {plain(objection)}") for objection in report.objections]
    step = [] if report.deleted else next_lines([(command,)])
    rest = share if quiet or report.deleted else [*objections, *step, *share]
    return [[] if quiet else painted(files, console), waits, painted(rest, console)]


def _waiting(report: PruneReport) -> list[Line]:
    """The drafts that stay, since somebody may still confirm them."""
    told = "a draft that waits for `harness accept --confirm`"
    return [Line(f"kept: {plain(path)}, {told}") for path in report.waiting]


def _file(one: ObsoleteFile, *, deleted: bool) -> list[Line]:
    state = "deleted" if deleted else "unused"
    return [
        Line(f"{state}: {plain(one.path)} ({size_words(one.bytes)})", whole=True),
        Line(plain(one.reason), indent=2),
    ]


def _share(report: PruneReport) -> str:
    size, store = sum(one.bytes for one in report.obsolete), report.store
    percent = 100 * size / store.bytes if store.bytes else 100.0
    state = "deleted" if report.deleted else "obsolete"
    files = f"{len(report.obsolete)} of {count_words(store.files, 'file')}"
    return f"{state}: {files}, {size_words(size)} of {size_words(store.bytes)} ({percent:.0f} %)"


def _store(store: StoreSize) -> str:
    return f"{count_words(store.files, 'file')}, {size_words(store.bytes)}"


def size_words(size: int) -> str:
    """A number of bytes in the largest unit that gives at least 1: `512 bytes`, `1.5 MB`; a KB is 1000 bytes."""
    value, unit = float(size), 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{size} {_UNITS[0]}" if unit == 0 else f"{value:.1f} {_UNITS[unit]}"
