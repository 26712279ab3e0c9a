"""The folders of nights: each command gets one of its own, and old ones are removed."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from harness import files
from harness.errors import UsageError
from harness.invocation import output_folder
from harness.invocation.options import Options
from harness.trials.captures import REPORT_NAME

EXIT_CODE, NEWS, DISCARDED = "exit-code", "news.json", "discarded"
"""Files of a night: the exit code of its verify, what was concluded from it, and that nothing can be."""

FAILURES_TIMES = 4
"""Nights with failures are kept so many times as long as others, without the captures of what passed."""

_NAME = re.compile(r"\d{4}-\d{2}-\d{2}(?:-(\d+))?")
_TURN = ".turn"


@contextmanager
def new_night(
    root: Path, options: Options, words: Sequence[str], warn: Callable[[str], None]
) -> Iterator[Path]:
    """A new folder in `root`, named after the day (UTC) and held until the end; raises what holding a folder raises."""
    with ExitStack() as held:
        with _turn(root):
            folder = _created(root, datetime.now(UTC).date().isoformat())
            held.enter_context(output_folder.held(replace(options, out=folder), words, warn))
        try:
            yield folder
        except BaseException:
            if not has_report(folder):  # nothing began, as with bad configs
                shutil.rmtree(folder, ignore_errors=True)
            raise


@contextmanager
def left_night(root: Path, folder: Path, options: Options, words: Sequence[str]) -> Iterator[bool]:
    """Holds a folder that a killed command left; yields whether nobody else does."""
    with ExitStack() as held:
        free = True
        with _turn(root):
            try:
                held.enter_context(output_folder.held_for_reading(replace(options, out=folder), words))
            except UsageError:
                free = False
            free = free and is_left(folder)
        yield free


def is_left(folder: Path) -> bool:
    """Whether the night ended without a conclusion."""
    ended = (NEWS, DISCARDED)
    return (folder / output_folder.LOCK_NAME).exists() and not any((folder / name).exists() for name in ended)


def nights(root: Path) -> list[Path]:
    """The folders of all nights, the latest last."""
    with suppress(FileNotFoundError, NotADirectoryError):
        return sorted(
            (one for one in root.iterdir() if _NAME.fullmatch(one.name) and one.is_dir()), key=_order
        )
    return []


def discard(folder: Path) -> None:
    """Remove the captures of a night that was killed before its verify ended; the rest stays for whoever wonders."""
    shutil.rmtree(folder / "captures", ignore_errors=True)
    files.write(folder / DISCARDED, b"killed before its verify ended\n")


def prune(root: Path, keep: int, failing: Callable[[Path], frozenset[str]]) -> list[Path]:
    """Remove all but the last `keep` nights; those on which something failed stay FAILURES_TIMES as long.

    Of these, only the captures of failing cases are kept; `failing` returns their ids. Returns what was removed. A
    night that a command holds is left alone.
    """
    removed = list[Path]()
    every = nights(root)
    for place, folder in enumerate(reversed(every)):
        if place < keep or not _free(folder):
            continue
        cases = failing(folder) if place < keep * FAILURES_TIMES else frozenset[str]()
        if cases:
            _keep_only(folder / "captures", cases)
        else:
            shutil.rmtree(folder, ignore_errors=True)
            removed.append(folder)
    return removed


def has_report(folder: Path) -> bool:
    """Whether there is a report in the folder."""
    return (folder / REPORT_NAME).is_file()


@contextmanager
def _turn(root: Path) -> Iterator[None]:
    """One command at a time begins a night, or looks for one that was left."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        file = os.open(root / _TURN, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    except (OSError, ValueError) as error:
        raise files.refusal(root, error, "folder with --nights") from error
    try:
        with suppress(OSError):  # some file systems have no locks
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


def _created(root: Path, day: str) -> Path:
    count = 1
    while True:
        folder = root / (day if count == 1 else f"{day}-{count}")
        try:
            folder.mkdir()
        except FileExistsError:
            count += 1
        except OSError as error:
            raise files.refusal(folder, error, "folder with --nights") from error
        else:
            return folder


def _order(folder: Path) -> tuple[str, int]:
    found = _NAME.fullmatch(folder.name)
    return folder.name[:10], int(found[1] or 1) if found else 0


def _free(folder: Path) -> bool:
    try:
        with output_folder.held_for_reading(Options(out=folder), ["nightly"]):
            return True
    except UsageError:
        return False


def _keep_only(captures: Path, cases: frozenset[str]) -> None:
    """Remove the captures of all other cases."""
    kept = {captures / case for case in cases}
    for path in sorted(captures.rglob("*")):
        if path.is_file() and path.parent not in kept:
            with suppress(OSError):
                path.unlink()
