"""A candidate: the versions that are to be tried, as they were asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from harness.errors import UsageError

_FORMS = "NAME==VERSION (or another requirement of pip), a folder of sources, or git+URL@REF"

_LOCKS = (".txt", ".in", ".toml", ".lock")


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is asked for: requirements, a whole lock, or everything as it stood on a day.

    `requirements` are as pip takes them; folders are absolute. Of `lock` and `day` there is at most one.
    """

    requirements: tuple[str, ...] = ()
    lock: Path | None = None
    day: date | None = None

    @property
    def asked(self) -> tuple[str, ...]:
        """What was asked for, a word each."""
        return (
            *self.requirements,
            *([f"lock {self.lock}"] if self.lock else []),
            *([f"as of {self.day.isoformat()}"] if self.day else []),
        )

    @property
    def names(self) -> frozenset[str]:
        """The packages that are asked for by name, as indexes spell them."""
        found = (_name(text) for text in self.requirements)
        return frozenset(filter(None, found))

    @property
    def nameless(self) -> bool:
        """Whether a folder or an address is asked for that does not say which package it holds."""
        return any(_name(text) is None for text in self.requirements)

    def __str__(self) -> str:
        return ", ".join(self.asked)


@dataclass(frozen=True, slots=True)
class Said:
    """The options of the command line that the words of a candidate come from; errors name them."""

    spec: str = "--with"
    lock: str = "--with-lock"
    day: str = "--with-date"


def candidate(
    specs: Iterable[str], lock: Path | None = None, day: str | None = None, said: Said | None = None
) -> Candidate:
    """The candidate of the words of the command line; raises UsageError for what is no requirement, file or day."""
    said = said or Said()
    if lock is not None and day is not None:
        raise UsageError(f"{said.lock} and {said.day} each decide all versions; leave one of them out")
    return Candidate(
        tuple(_requirement(one, said.spec) for one in specs), _lock(lock, said.lock), _day(day, said.day)
    )


def _requirement(text: str, option: str) -> str:
    if "+" in text.partition("://")[0] and "://" in text:
        return text
    if text.startswith((".", "/", "~")) or (Path(text).is_dir() and "/" in text):
        folder = Path(text).expanduser()
        if not any((folder / name).is_file() for name in ("pyproject.toml", "setup.py", "setup.cfg")):
            raise UsageError(
                f"{option} {text}: no folder of sources (no pyproject.toml in it); give {_FORMS}"
            )
        return str(folder.resolve())
    try:
        return str(Requirement(text))
    except InvalidRequirement as error:
        reason = str(error).splitlines()[0].rstrip(".").lower()
        raise UsageError(f"{option} {text}: no requirement ({reason}); give {_FORMS}") from error


def _name(text: str) -> str | None:
    """The package that a requirement names; None for a folder or an address, whose metadata alone know it."""
    try:
        return canonicalize_name(Requirement(text).name)
    except InvalidRequirement:
        match = re.search(r"#egg=([\w.-]+)", text)
        return canonicalize_name(match[1]) if match else None


def _lock(path: Path | None, option: str) -> Path | None:
    if path is None:
        return None
    if not path.is_file():
        raise UsageError(f"{option} {path}: no such file; give a requirements.txt, pylock.toml or uv.lock")
    if path.suffix not in _LOCKS:
        raise UsageError(
            f"{option} {path}: unknown kind of lock; give a requirements.txt, pylock.toml or uv.lock"
        )
    return path.resolve()


def _day(text: str | None, option: str) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{option} {text}: no date; write it as 2026-03-01") from error
