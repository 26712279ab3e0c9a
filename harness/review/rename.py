"""Gives a case, or the family of a config, another id: its config, goldens and everything beside them.

The order is what makes a kill harmless: first all new files, then the config, then the old files go.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.config import files
from harness.config.files import ConfigPath, kind_of
from harness.config.load import LoadedFile, load_as, load_files
from harness.config.weights import named
from harness.core.history import Decision
from harness.core.results.review import MovedFile, RenameReport
from harness.errors import ConfigError, StoreError, UsageError
from harness.files import refusal, sweep
from harness.golden.header import read_document
from harness.golden.moves import Move, copied, planned, removed
from harness.golden.obsolete import stored
from harness.golden.store import GoldenStore
from harness.invocation.command_line import command


@dataclass(frozen=True, slots=True)
class Names:
    """The old id and the new one, each of a case or of a config's whole family."""

    old: str
    new: str


def renamed_with_config(names: Names, configs: Path, store: GoldenStore, decision: Decision) -> RenameReport:
    """Move the config and what its cases have in the store; completes a rename that was killed.

    Raises UsageError for names that cannot be, StoreError for files in the way, and changes nothing then.
    """
    _check_config_names(names)
    sweep(store.root)
    there = {file.id: file for file in files.find(configs).files}
    config, target = there.get(names.old), there.get(names.new)
    if config is None:
        return _completed(names, target, store)
    if target is not None:
        raise UsageError(f"{target.shown}: already there, and nothing is overwritten; choose another name")
    _check_alike(names, there)
    path = configs / f"{names.new}{config.path.suffix}"
    _check_content(config, names, configs, path)
    moves = planned(store, names.old, names.new)
    _check_place(names, store, moves)
    copied(moves, decision)
    _move_config(config.path, path)
    removed(moves, store)
    first = MovedFile("config", config.path.as_posix(), path.as_posix())
    return RenameReport(names.old, names.new, (first, *_told(moves)), any(move.done for move in moves))


def renamed_goldens(names: Names, configs: Path, store: GoldenStore, decision: Decision) -> RenameReport:
    """Move only what lies in the store, for a case or family that no config gives any more; raises as above."""
    sweep(store.root)
    loaded = load_files(configs)
    given = {case.id: case for file in loaded for case in file.cases}
    ids = {name.id for file in loaded for name in file.names} | given.keys()
    families = {name.partition("@")[0] for name in ids}
    if names.old in ids | families:
        raise UsageError(f"{names.old}: a config still gives it; leave out --goldens-only to move both")
    if names.new not in ids | families:
        raise UsageError(
            f"{names.new}: no config gives it; rename the config first, or leave out --goldens-only"
        )
    moves = planned(store, names.old, names.new)
    if not moves:
        raise UsageError(f"{names.old}: has nothing in {store.root}; `harness prune` lists what no case uses")
    if strange := sorted({move.case for move in moves} - ids):
        raise UsageError(f"{strange[0]}: no config gives it; name the ids of single cases")
    copied(moves, decision)
    removed(moves, store)
    goldens = [move for move in moves if move.file.kind is None]
    stale = [one for one in goldens if read_document(one.target).digest != given[one.case].digest()]
    notes = tuple(f"{one.case}: its golden is of a different definition; record it again" for one in stale)
    return RenameReport(names.old, names.new, _told(moves), any(move.done for move in moves), notes)


def _check_config_names(names: Names) -> None:
    for name in (names.old, names.new):
        if "@" in name:
            config = name.partition("@")[0]
            raise UsageError(f"{name}: is an entry of a matrix; rename its whole config, {config}")
    if names.old == names.new:
        raise UsageError(f"{names.old}: is the same name twice; give it another one")
    if why := files.bad_id(names.new):
        raise UsageError(f"{names.new}: {why}")


def _check_alike(names: Names, there: Mapping[str, ConfigPath]) -> None:
    """Refuse an id that some file systems do not tell from that of another config."""
    others = [(file.shown, file.id) for file in there.values() if file.id != names.old]
    for found in files.duplicates([*others, (names.new, names.new)]):
        if found.problem.file == names.new:
            raise UsageError(found.problem.message)


def _check_content(config: ConfigPath, names: Names, configs: Path, path: Path) -> None:
    """Refuse a config whose paths, which are relative to its folder, would lead elsewhere from its new place."""
    if os.path.lexists(path):
        raise UsageError(f"{path}: already there, and nothing is overwritten; choose another name")
    now, then = load_as(configs, config, names.old), load_as(configs, config, names.new)
    if now.problems:
        raise ConfigError(now.problems)
    if lost := list(dict.fromkeys(_lost(now, then, config.path.parent, path.parent))):
        listed = "\n".join(f"  {one}" for one in lost)
        raise UsageError(
            f"{path}: would name other files than {config.shown}, since its paths are relative to its folder:\n"
            f"{listed}\ncopy them to the same place relative to {path.parent} first; the paths themselves must stay, "
            "since the goldens were recorded from them"
        )


def _lost(now: LoadedFile, then: LoadedFile, here: Path, there: Path) -> Iterator[str]:
    for problem in then.problems:
        yield f"{problem.key} = {problem.value}: {problem.message}"
    for case in now.cases:
        for name in named(case):
            if kind_of(here / name) != "nothing" and kind_of(there / name) == "nothing":
                yield f"{name}: no such file or folder in {there}"
    digests = {case.id.partition("@")[2]: case for case in then.cases}
    for case in now.cases:
        moved = digests.get(case.id.partition("@")[2])
        if moved is not None and moved.digest() != case.digest():
            ours = {file.name: file.sha256 for file in case.inputs}
            yield from (
                f"{file.name}: has another content in {there}"
                for file in moved.inputs
                if ours.get(file.name) != file.sha256
            )


def _check_place(names: Names, store: GoldenStore, moves: Sequence[Move]) -> None:
    """Refuse a place in the store that holds something else: what judges there belongs to no case of this name."""
    mine = {move.target for move in moves}
    for one in stored(store.root):
        if one.case.partition("@")[0] == names.new and one.path not in mine:
            raise StoreError(
                f"{one.path}: is of a case that is gone; `harness prune` lists it; remove it first"
            )


def _move_config(old: Path, new: Path) -> None:
    try:
        new.parent.mkdir(parents=True, exist_ok=True)
        old.rename(new)
    except OSError as error:
        raise refusal(new, error) from error


def _completed(names: Names, target: ConfigPath | None, store: GoldenStore) -> RenameReport:
    """The end of a rename that was killed after the config had its new name."""
    moves = planned(store, names.old, names.new)
    if target is None or not moves:
        raise UsageError(f"{names.old}: no config gives it; `harness list` shows the cases")
    if not all(move.done for move in moves):
        step = f"to move only what is in {store.root}: {command('rename', '--goldens-only', names.old, names.new)}"
        raise UsageError(f"{names.old}: no config gives it, but {target.shown} is there; {step}")
    removed(moves, store)
    return RenameReport(names.old, names.new, _told(moves), completed=True)


def _told(moves: Sequence[Move]) -> tuple[MovedFile, ...]:
    return tuple(
        MovedFile(
            move.file.kind.noun if move.file.kind else "golden",
            move.file.path.as_posix(),
            move.target.as_posix(),
        )
        for move in moves
    )
