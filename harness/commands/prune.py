"""`harness prune`: list the goldens that belong to no case, and delete them on request."""

from __future__ import annotations

import argparse
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.config.load import load_files, problems_of
from harness.config.select import broken_files, select_ids
from harness.core.results.next_step import NextStep, harness_step, rename_step
from harness.core.results.recording import ObsoleteFile, PruneReport, StoreSize
from harness.errors import ConfigError, UsageError
from harness.golden.obsolete import Obsolete, Stored, obsolete, stored, waiting
from harness.golden.renamed import renamed
from harness.golden.store import GoldenStore
from harness.invocation.arguments import configs, goldens, project, selects, shows
from harness.invocation.command import Command, options_of
from harness.invocation.command_line import command
from harness.invocation.emit import emit_json
from harness.invocation.options import Options
from harness.invocation.selection import warn_of_outside
from harness.report.terminal import Screen
from harness.report.views.prune import prune_json

_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class _Found:
    """The files of the store, those that no case uses, and the objections to deleting them."""

    files: Sequence[Stored]
    unused: Sequence[Obsolete]
    objections: Sequence[str]

    def report(self, *, deleted: bool) -> PruneReport:
        files = [
            ObsoleteFile(
                one.file.path.as_posix(), one.file.case, one.file.platform, one.file.size, one.reason
            )
            for one in self.unused
        ]
        waits = tuple(one.path.as_posix() for one in waiting(self.files, self.unused))
        return PruneReport(tuple(files), _size(self.files), deleted, tuple(self.objections), waits)


def prune(options: Options, screen: Screen, *, delete: bool = False, everything: bool = False) -> int:
    """Returns 1 if something obsolete remains, otherwise 0.

    Raises ConfigError with the problems of all files that the selection may include, since their cases are
    unknown. Raises UsageError and deletes nothing if `delete` would remove more than half of the goldens, or any
    that may belong to configs that were not loaded; `everything` deletes those too.
    """
    found = _found(options, screen)
    refused = delete and bool(found.objections) and not everything
    if delete and not refused:
        store = GoldenStore(options.goldens)
        for one in found.unused:
            store.remove(one.file.path)
    report = found.report(deleted=delete and not refused and bool(found.unused))
    emit_json(prune_json(report), options)
    screen.show_pruned(report, str(options.goldens), _to_delete(options))
    if refused:
        objections = "\n".join(f"  {objection}" for objection in found.objections)
        raise UsageError(
            f"nothing was deleted:\n{objections}\nname the whole folder with --configs, select fewer goldens, "
            "or confirm with --all"
        )
    return 1 if found.unused and not report.deleted else 0


def _found(options: Options, screen: Screen) -> _Found:
    loaded = load_files(options.configs)
    touched, outside = broken_files(loaded, options.select)
    if touched:
        raise ConfigError(problems_of(touched))
    warn_of_outside([file.shown for file in outside], screen)
    broken = {name.id for file in outside for name in file.names}
    ids = frozenset(case.id for file in loaded for case in file.cases) | broken
    if not ids:
        raise UsageError(f"{options.configs}: holds no configs, so every golden would count as unused")
    files = stored(options.goldens)
    known = sorted({one.case for one in files} | ids)
    chosen = frozenset(select_ids(known, options.select))
    unused = [one for one in obsolete(files, ids) if one.file.case in chosen]
    cases = [case for file in loaded for case in file.cases]
    unknown = {name.partition("@")[0] for name in broken}
    moved = _moved(renamed(files, ids, cases, unknown), {one.file.case for one in unused})
    return _Found(files, unused, [*moved, *_objections(files, unused, ids, options.configs)])


def _moved(found: Mapping[str, str], unused: Collection[str]) -> list[str]:
    """An objection for each golden among the unused ones that probably belongs to a renamed case."""
    return [
        f"{old}: has the definition of {new}, which has no golden; {rename_step(old, new).why}: "
        f"{command(*rename_step(old, new).argv[1:])}"
        for new, old in found.items()
        if old in unused
    ]


def _objections(
    files: Sequence[Stored], unused: Sequence[Obsolete], ids: Collection[str], configs: Path
) -> list[str]:
    """Why these files should not be deleted without confirmation, in sentences."""
    objections = []
    gone = sorted({one.file.case for one in unused if one.file.case not in ids})
    place = _Place(configs.resolve())
    if outside := [case for case in gone if place.lies_outside(case, ids)]:
        more = f" and {len(outside) - 3} more" if len(outside) > 3 else ""
        objections.append(
            f"{', '.join(outside[:3])}{more}: outside the folder of the loaded configs ({configs}), "
            "so other configs may use them"
        )
    all_goldens = [one for one in files if one.kind is None]
    goldens = [one for one in unused if one.file.kind is None]
    if 2 * len(goldens) > len(all_goldens):
        objections.append(f"{len(goldens)} of {len(all_goldens)} goldens are more than half of the store")
    return objections


@dataclass(frozen=True, slots=True)
class _Place:
    """The resolved folder of the loaded configs, and the configs in folders above it, each listed only once."""

    configs: Path
    _above: dict[str, frozenset[str]] = field(default_factory=dict)

    def lies_outside(self, case: str, ids: Collection[str]) -> bool:
        """Whether a golden's case may belong to configs that were not loaded, because the folder is part of another."""
        first = case.rpartition("/")[0].partition("/")[0]
        if first and not (self.configs / first).is_dir():
            return True
        return self._has_config_above(case) or self._has_own_name(case, ids)

    def _has_config_above(self, case: str) -> bool:
        """Whether a folder above the loaded one has a config for the case."""
        folder, _, name = case.partition("@")[0].rpartition("/")
        if folder not in self._above:
            self._above[folder] = frozenset().union(
                *(_config_names(above / folder) for above in self.configs.parents)
            )
        return name in self._above[folder]

    def _has_own_name(self, case: str, ids: Collection[str]) -> bool:
        """Whether it is a loaded case under its name from a folder above: `ddim/two` for `two`."""
        parts = self.configs.parts
        prefixes = ("/".join(parts[start:]) for start in range(len(parts) - 1, 0, -1))
        return any(
            case.removeprefix(f"{prefix}/") in ids for prefix in prefixes if case.startswith(f"{prefix}/")
        )


def _config_names(folder: Path) -> set[str]:
    """The names, without suffix, of the configs in `folder`; none if it cannot be listed."""
    try:
        with os.scandir(folder) as entries:
            return {Path(one.name).stem for one in entries if one.name.endswith(_SUFFIXES) and one.is_file()}
    except OSError:
        return set()


def _size(files: Sequence[Stored]) -> StoreSize:
    return StoreSize(len(files), sum(one.kind is None for one in files), sum(one.size for one in files))


def _to_delete(options: Options) -> NextStep:
    words = ["prune", "--delete", *options.select]
    defaults = Options()
    if options.configs != defaults.configs:
        words += ["--configs", str(options.configs)]
    if options.goldens != defaults.goldens:
        words += ["--goldens", str(options.goldens)]
    return harness_step("to delete them", *words)


def _own_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--delete", action="store_true", help="delete them")
    parser.add_argument(
        "--all",
        action="store_true",
        help="delete them even if they are most of the store or may belong to other configs",
    )


def _run(arguments: argparse.Namespace, screen: Screen) -> int:
    return prune(options_of(arguments), screen, delete=arguments.delete, everything=arguments.all)


COMMAND = Command(_run, (selects, project, configs, goldens, shows, _own_options))
