"""Finds the config files and derives case ids from their names."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from harness.errors import Problem, UsageError

SUFFIXES = (".yaml", ".yml")
MAX_PART_BYTES = 200
NOT_FOLLOWED = "a linked folder is not followed; copy it here"
_PART = re.compile(r"\w[\w.+-]*")


@dataclass(frozen=True, slots=True)
class ConfigPath:
    """One config file: its path, its name in problems, and the id of its case without matrix values."""

    path: Path
    shown: str
    id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that cannot be a config: `id` is what its name would give, `reason` says why it cannot."""

    file: ConfigPath
    reason: str

    @property
    def problem(self) -> Problem:
        """The reason as a problem of the file."""
        return Problem(self.file.shown, "", None, self.reason)


@dataclass(frozen=True, slots=True)
class Found:
    """The config files under a folder, ordered by path, and the files that cannot be configs.

    `linked` are the folders that are not followed, each with the prefix of its configs' ids.
    """

    files: tuple[ConfigPath, ...]
    refused: tuple[Refused, ...]
    linked: tuple[ConfigPath, ...]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The problems of the files that cannot be configs."""
        return tuple(one.problem for one in self.refused)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings about the linked folders that were skipped."""
        return tuple(f"{link.shown}: {NOT_FOLLOWED}" for link in self.linked)


def find(configs: Path) -> Found:
    """Every `*.yaml` and `*.yml` under `configs`, except hidden files and folders.

    Raises `UsageError` if the folder is missing or contains no config.
    """
    if not configs.is_dir():
        what = "is not a folder" if configs.exists() else "no such folder"
        raise UsageError(f"{configs}: {what}; give the folder of the configs with --configs")
    root = configs.resolve()
    files: list[ConfigPath] = []
    refused: list[Refused] = []
    linked: list[ConfigPath] = []
    for path in _candidates(configs, linked, refused):
        name = path.relative_to(configs).as_posix()
        file = ConfigPath(path, _printable(path), _printable(Path(name.rpartition(".")[0])))
        message = _bad_file(path, root) or _bad_name(PurePosixPath(name))
        if message:
            refused.append(Refused(file, message))
        else:
            files.append(file)
    if not files and not refused:
        raise UsageError(
            f"{configs}: contains no *.yaml file; write a config there, with `harness init MODEL` for a start, "
            "or give another --configs"
        )
    return Found(tuple(files), tuple(refused), tuple(linked))


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A problem between two files; `earlier` is the file under which it is not listed."""

    problem: Problem
    earlier: str


def duplicates(ids: Iterable[tuple[str, str]]) -> Iterator[Duplicate]:
    """One for each (file, id) whose id an earlier file already gives, possibly in another letter case."""
    first: dict[str, tuple[str, str]] = {}
    for shown, name in ids:
        folded = unicodedata.normalize("NFC", name).casefold()
        other, earlier = first.setdefault(folded, (shown, name))
        if (other, earlier) == (shown, name):
            continue
        if earlier == name:
            message = f"gives the case id {name!r} a second time, after {other}; rename one"
        else:
            why = "differ only in what some file systems ignore (letter case, accents)"
            message = f"the case ids {name!r} and {earlier!r} ({other}) {why}; rename one"
        yield Duplicate(Problem(shown, "", None, message), other)


def too_long(name: str) -> str | None:
    """What is wrong with the length of the case id `name`, or None; each part becomes a folder's name."""
    part = max(name.split("/"), key=lambda one: len(one.encode()))
    size = len(part.encode())
    too_much = (
        f"the case id has a part of {size} bytes, but at most {MAX_PART_BYTES} fit: {part[:60]}…; shorten it"
    )
    return too_much if size > MAX_PART_BYTES else None


def bad_id(name: str) -> str | None:
    """Why no config can give the case id `name`, without matrix values; None if one can."""
    return _bad_name(PurePosixPath(f"{name}{SUFFIXES[0]}"))


def kind_of(path: Path) -> Literal["file", "folder", "nothing", "other"]:
    """What exists at `path`, following links; a path that cannot exist is `nothing`."""
    try:
        if path.is_file():
            return "file"
        if path.is_dir():
            return "folder"
        return "other" if path.exists() else "nothing"
    except OSError:
        return "nothing"


def resolved(path: Path) -> Path:
    """`path` with its links resolved; a circular link stays as it is."""
    try:
        return path.resolve()
    except (OSError, RuntimeError):
        return path


def _candidates(configs: Path, linked: list[ConfigPath], refused: list[Refused]) -> list[Path]:
    """The files that may be configs; links to folders and unreadable folders are collected separately."""

    def unreadable(error: OSError) -> None:
        path = Path(error.filename)
        name = path.relative_to(configs).as_posix()
        folder = ConfigPath(path, _printable(path), "" if name == "." else f"{name}/")
        refused.append(Refused(folder, f"cannot be read ({error.strerror}); check the folder"))

    found: list[Path] = []
    for folder, folders, names in os.walk(configs, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        links = [Path(folder, name) for name in folders if Path(folder, name).is_symlink()]
        linked.extend(
            ConfigPath(link, _printable(link), _printable(link.relative_to(configs))) for link in links
        )
        visible = (name for name in names if not name.startswith(".") and name.lower().endswith(SUFFIXES))
        found.extend(Path(folder, name) for name in visible)
    return sorted(found, key=lambda path: path.relative_to(configs).as_posix())


def _bad_file(path: Path, root: Path) -> str | None:
    target = resolved(path)
    if path.is_symlink() and not target.is_relative_to(root):
        return "a link that leads outside the configs folder; copy the file here"
    if kind_of(target) == "nothing":
        return "a link that leads nowhere; remove it"
    return None if kind_of(target) == "file" else "not a regular file; remove it"


def _bad_name(name: PurePosixPath) -> str | None:
    for part in (*name.parts[:-1], name.stem):
        if not _PART.fullmatch(part) or ".." in part:
            accepted = "letters, digits, '_', '.', '+' and '-'; a letter, a digit or '_' first, and no '..'"
            return f"{part!r} cannot be a part of a case id; rename it with {accepted}"
    return too_long(str(name.with_suffix("")))


def _printable(path: Path) -> str:
    return path.as_posix().encode("utf-8", "backslashreplace").decode()
