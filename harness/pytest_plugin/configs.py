"""Configs as pytest collects them: a file of items, one for each case."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

from harness.config.load import LoadedFile, load_files
from harness.config.weights import is_hub_id, named
from harness.core.case import BUILTIN, Case
from harness.errors import HarnessError
from harness.pytest_plugin.place import Place
from harness.report.silent import HarnessWarning


class Runs(Protocol):
    """Runs items."""

    def run(self, item: GoldenItem) -> None:
        """Run the case of the item; a failure raises Unlike, a skipped case as pytest does."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """All configs of a folder; `rank` is the place of each case in a report."""

    files: tuple[LoadedFile, ...]

    @property
    def rank(self) -> dict[str, int]:
        """The place of each case, by id."""
        cases = [case for file in self.files for case in file.cases]
        return {case.id: place for place, case in enumerate(cases)}

    def groups(self, place: Place, root: Path) -> dict[str, str]:
        """The group of each item, by the node id that it has where `root` is pytest's rootdir."""
        return {
            f"{os.path.relpath(place.root / file.shown, root)}::{item_name(case)}": group_of(case)
            for file in self.files
            for case in file.cases
        }

    def at(self, path: Path, place: Place) -> LoadedFile | None:
        """The content of the config at the absolute `path`."""
        found = (file for file in self.files if (place.root / file.shown).resolve() == path.resolve())
        return next(found, None)


def loaded(place: Place) -> Loaded:
    """The configs of the project, valid or not; raises pytest.UsageError if there is none."""
    try:
        with place.entered():
            return Loaded(load_files(place.options.configs))
    except HarnessError as error:
        raise pytest.UsageError(str(error)) from error


class ConfigFile(pytest.File):
    """A config: its cases are the items."""

    goldens: Runs
    content: LoadedFile

    def collect(self) -> Iterator[GoldenItem]:
        """An item for each case; the problems of the file end its collection, and no other's."""
        if self.content.problems:
            raise self.CollectError("\n".join(map(str, self.content.problems)))
        for warning in self.content.warnings:
            self.warn(HarnessWarning(str(warning)))
        for case in self.content.cases:
            item = GoldenItem.from_parent(self, name=item_name(case))
            item.set_up(self.goldens, case)
            yield item


class GoldenItem(pytest.Item):
    """A case, judged against its golden."""

    goldens: Runs
    case: Case

    def set_up(self, goldens: Runs, case: Case) -> None:
        """Make this the item of `case`."""
        self.goldens, self.case = goldens, case
        self.extra_keyword_matches.add(case.id)
        for name in ("golden", *marks_of(case)):
            self._mark(name)
        if self.config.pluginmanager.hasplugin("xdist"):
            self.add_marker(pytest.mark.xdist_group(group_of(case)))

    def runtest(self) -> None:
        """Run the case and judge it; a failure is an Unlike, a skipped case a skip."""
        self.goldens.run(self)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> str:  # type: ignore[override]
        """The text of `verify`; what is no error of the harness has its traceback."""
        if isinstance(excinfo.value, Unlike | HarnessError):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[Path, int, str]:
        """The config and the id of the case."""
        return self.path, 0, self.case.id

    def _mark(self, name: str) -> None:
        # Tags are known when configs are read, later than --strict-markers wants markers to be registered.
        self.config.addinivalue_line("markers", f"{name}: a tag in the configs of goldens")
        self.add_marker(name)


class Unlike(Exception):
    """A case that does not pass; its text is what `verify` says of it."""


def item_name(case: Case) -> str:
    """The matrix entry of a case, as in `seed=0`; of a config without a matrix, the name of the file."""
    return case.id.partition("@")[2] or case.id.rpartition("/")[2]


def marks_of(case: Case) -> tuple[str, ...]:
    """The tags of a case, `gpu` if it cannot run on a CPU, and `network` if something of it is on the hub."""
    marks = dict.fromkeys(case.tags)
    if case.devices and "cpu" not in case.devices:
        marks["gpu"] = None
    if any(not name.startswith(BUILTIN) and is_hub_id(name, Path(case.base)) for name in named(case)):
        marks["network"] = None
    return tuple(marks)


def group_of(case: Case) -> str:
    """The name that all cases of a model share, without what xdist splits names at."""
    return f"{case.model.id}".replace("@", "-").replace("]", "-").replace("[", "-")
