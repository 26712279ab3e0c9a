"""Translates paths between the folder where a command was typed and the root of its project."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.config import project
from harness.config.files import SUFFIXES, kind_of
from harness.config.project import Project
from harness.config.select import NOT
from harness.errors import UsageError

_PATHS = ("PYTHONPATH",)
_PATH = (
    "HF_HOME",
    "HF_HUB_CACHE",
    "HUGGINGFACE_HUB_CACHE",
    "HF_TOKEN_PATH",
    "TORCH_HOME",
    "XDG_CACHE_HOME",
    "TMPDIR",
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
)
"""Variables of the workers that hold one or more paths, possibly relative to the caller's folder."""


@dataclass(frozen=True, slots=True)
class Place:
    """The absolute folder `here` where the command was typed, and the project it works in."""

    here: Path
    project: Project

    @property
    def elsewhere(self) -> bool:
        """Whether the project's root differs from the caller's folder."""
        return self.here != self.project.root

    def path(self, typed: Path) -> Path:
        """`typed`, a path relative to the caller's folder, as seen from the root."""
        if typed.is_absolute() or not self.elsewhere:
            return typed
        inside = self.here.is_relative_to(self.project.root)
        base = self.here.relative_to(self.project.root) if inside else self.here
        parts = list(typed.parts)
        # Only a leading `..` is resolved: after a name, `..` may follow a link.
        while parts and parts[0] == ".." and base != Path():
            base = base.parent
            parts.pop(0)
        return base.joinpath(*parts)

    def pattern(self, typed: str, configs: Path) -> str:
        """A config file, or a folder of them ending in `/`, as the pattern that selects it; other words unchanged.

        `configs` is seen from the root. Raises UsageError for a config file outside of it.
        """
        word = typed.removeprefix(NOT)
        path = self.here / word
        is_config = word.lower().endswith(SUFFIXES) and kind_of(path) == "file"
        if not is_config and not (word.endswith("/") and kind_of(path) == "folder"):
            return typed
        folder = (self.project.root / configs).resolve()
        place = path.parent.resolve() / path.name if is_config else path.resolve()
        if place.is_relative_to(folder):
            name = place.relative_to(folder).as_posix()
            selecting = name.rpartition(".")[0] if is_config else "*" if name == "." else f"{name}/*"
            return typed[: len(typed) - len(word)] + selecting
        if is_config:
            raise UsageError(
                f"{word}: lies outside the configs folder {configs}; move it there, or give --configs"
            )
        return typed

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """While open, the root is the current folder, also for workers, wherever the command was typed."""
        if not self.elsewhere:
            yield
            return
        before = {name: os.environ[name] for name in (*_PATHS, *_PATH) if os.environ.get(name)}
        os.environ.update({name: self._absolute(name, value) for name, value in before.items()})
        try:
            with contextlib.chdir(self.project.root):
                yield
        finally:
            os.environ.update(before)

    def _absolute(self, name: str, value: str) -> str:
        parts = value.split(os.pathsep) if name in _PATHS else [value]
        return os.pathsep.join(
            part if part.startswith(("~", "$")) else str(self.here / part) for part in parts
        )


def place_of(root: Path | None, *, needs_configs: bool) -> Place:
    """The place of a command typed in the current folder, with or without `--root`.

    Raises UsageError if `root` is not a project, or if none is found although `needs_configs`.
    """
    try:
        here = Path.cwd()
    except OSError as error:
        raise UsageError("the current folder no longer exists; change to another one") from error
    if root is not None:
        return Place(here, project.at(root, here))
    found = project.find(here)
    if needs_configs and not found.found:
        raise UsageError(_none(here))
    return Place(here, found)


def _none(here: Path) -> str:
    sought = f"configs/ and goldens/, or [{project.TABLE}] in a {project.FILE}"
    near = project.nearly(here)
    step = (
        f"{near} has only configs/: use it with --root {near}"
        if near
        else "change to yours, name it with --root, or begin one with: harness init"
    )
    return f"configs: no such folder, and no folder above is the root of a project ({sought}); {step}"
