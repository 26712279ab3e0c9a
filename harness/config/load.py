"""Loads all config files of a folder as cases, and reports every problem of every file at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.config import files, matrix, references
from harness.config.build import build
from harness.config.schema import structure
from harness.config.yaml import reader
from harness.core.case import Case
from harness.errors import ConfigError, Problem

_STATED = re.compile(r"""\btags["']?[ \t]*:[ \t]*(\[[^\]]*|[^\n]*(?:\n[ \t]*-[^\n]*)*)""")
_COMMENT = re.compile(r"(^|\s)#[^\n]*")
_WORD = re.compile(r"[a-z0-9-]*[a-z0-9][a-z0-9-]*")


@dataclass(frozen=True, slots=True)
class LoadedConfigs:
    """The cases in the order of their files and matrix entries, and warnings about what may go wrong later."""

    cases: tuple[Case, ...]
    warnings: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class EntryName:
    """How a matrix entry can be selected, whether or not it became a case.

    `tags` is None if they could not be read. `open` says that there may be more entries whose ids start with
    this one: those of a file whose matrix could not be read, or of a folder, whose id ends in `/`.
    """

    id: str
    tags: tuple[str, ...] | None
    open: bool = False


@dataclass(frozen=True, slots=True)
class LoadedFile:
    """The content of one file: its cases, how to select them, its problems, and its warnings.

    A file with problems may still give cases, from its valid matrix entries.
    """

    shown: str
    names: tuple[EntryName, ...]
    cases: tuple[Case, ...] = ()
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


def load_cases(configs: Path) -> LoadedConfigs:
    """The cases of every `*.yaml` and `*.yml` under `configs`.

    Raises `ConfigError` with the problems of all files, `UsageError` if the folder is missing or has no
    config.
    """
    loaded = load_files(configs)
    problems = problems_of(loaded)
    if problems:
        raise ConfigError(problems)
    cases = tuple(case for file in loaded for case in file.cases)
    return LoadedConfigs(cases, tuple(warning for file in loaded for warning in file.warnings))


def load_files(configs: Path, *, elsewhere: bool = False) -> tuple[LoadedFile, ...]:
    """Every `*.yaml` and `*.yml` under `configs` with its content, valid or not, ordered by path.

    With `elsewhere` the cases run under other versions, which may have classes that the installed ones lack.
    Raises `UsageError` if the folder is missing or has no config.
    """
    found = files.find(configs)
    digests: dict[Path, str] = {}
    loaded = [
        _load(file, references.Location(configs.resolve(), file.path.parent.resolve(), digests, elsewhere))
        for file in found.files
    ]
    others = [_refused(one) for one in found.refused] + [_linked(one) for one in found.linked]
    ids = [(file.shown, file.id) for file in found.files]
    ids += [(case.source, case.id) for file in loaded for case in file.cases if "@" in case.id]
    shared = list(files.duplicates(ids))
    return tuple(_with_shared(file, shared) for file in sorted([*loaded, *others], key=_place))


def load_as(configs: Path, file: files.ConfigPath, name: str) -> LoadedFile:
    """The content of `file` as it would be under the id `name`: what it names relative to itself is sought there."""
    path = configs / f"{name}{file.path.suffix}"
    moved = files.ConfigPath(file.path, path.as_posix(), name)
    return _load(moved, references.Location(configs.resolve(), path.parent.resolve()))


def problems_of(loaded: Sequence[LoadedFile]) -> tuple[Problem, ...]:
    """The problems of all these files, each once, file by file."""
    every = dict.fromkeys(problem for file in loaded for problem in file.problems)
    return tuple(sorted(every, key=lambda problem: problem.file))


def _place(file: LoadedFile) -> str:
    return file.shown


def _refused(one: files.Refused) -> LoadedFile:
    name = EntryName(one.file.id, tags_in_text(one.file.path), open=True)
    return LoadedFile(one.file.shown, (name,), problems=(one.problem,))


def _linked(folder: files.ConfigPath) -> LoadedFile:
    warning = Problem(folder.shown, "", None, files.NOT_FOLLOWED)
    return LoadedFile(folder.shown, (EntryName(f"{folder.id}/", (), open=True),), warnings=(warning,))


def _with_shared(file: LoadedFile, shared: Sequence[files.Duplicate]) -> LoadedFile:
    """`file` with the problems that it shares with another file."""
    more = [one.problem for one in shared if file.shown in (one.problem.file, one.earlier)]
    return replace(file, problems=(*file.problems, *more)) if more else file


def check_calls(cases: Sequence[Case]) -> None:
    """Compare what `cases` pass with what their pipelines take, as read from the pipelines' source.

    Slower than `load_cases` (a few milliseconds per class), so call it only for the cases that will run.
    Raises `ConfigError` with the problems of all cases.
    """
    from harness.config.pipelines import calls  # needed only for cases that will run

    problems = dict.fromkeys(problem for case in cases for problem in calls.problems(case))
    if problems:
        raise ConfigError(sorted(problems, key=lambda problem: problem.file))


def _load(file: files.ConfigPath, around: references.Location) -> LoadedFile:
    document = reader.read(file.path, file.shown)
    if document.values is None:
        name = EntryName(file.id, tags_in_text(file.path), open=True)
        return LoadedFile(file.shown, (name,), problems=document.problems)
    expansion = matrix.expand(document.values)
    problems: dict[Problem, None] = dict.fromkeys(document.problems)
    problems.update(dict.fromkeys(expansion.problems))
    cases: list[Case] = []
    warnings: dict[Problem, None] = {}
    for number, entry in enumerate(expansion.entries):
        outcome = _entry(file, entry, around)
        if isinstance(outcome, Case):
            cases.append(replace(outcome, line=_line(entry, document.lines), entry=number))
            warnings.update(dict.fromkeys(references.warnings(entry.values, around)))
        else:
            matrix_is_wrong = bool(expansion.problems)
            problems.update(dict.fromkeys(_relevant(outcome, entry.axes, matrix_is_wrong, document.problems)))
    return LoadedFile(
        file.shown,
        tuple(_name(file, entry, expansion) for entry in expansion.entries),
        tuple(cases),
        tuple(replace(problem, file=file.shown) for problem in problems),
        tuple(replace(warning, file=file.shown) for warning in warnings),
    )


def _name(file: files.ConfigPath, entry: matrix.Entry, expansion: matrix.Expansion) -> EntryName:
    """How `entry` is selected; a matrix with problems may have omitted entries."""
    tags = tags_of(entry.values)
    if tags is None:
        tags = tags_in_text(file.path)
    return EntryName(file.id + entry.suffix, tags, open=bool(expansion.problems))


def _entry(
    file: files.ConfigPath, entry: matrix.Entry, around: references.Location
) -> Case | tuple[Problem, ...]:
    """The case of one matrix entry, or everything that is wrong with it."""
    name = file.id + entry.suffix
    checked = structure.check(entry.values)
    known = {problem.key for problem in checked.problems}
    problems = [one for one in references.problems(entry.values, around) if one.key not in known]
    length = files.too_long(name)
    if length is not None:
        problems.append(Problem("", "matrix", None, length))
    if checked.config is None or problems:
        return (*checked.problems, *problems)
    inputs = references.inputs(entry.values, around)
    return build(checked.config, name, file.shown, str(around.folder), inputs)


def _line(entry: matrix.Entry, lines: Mapping[str, int]) -> int:
    """Where the file defines the entry: at the last of its values that has a line of its own, else at `pipeline`."""
    keys = [lines.get(f"matrix.{axis}", 0) for axis in entry.axes]
    own = [lines.get(place, 0) for place in entry.places]
    apart = [line for key, line in zip(keys, own, strict=False) if line > key]
    return (apart or keys or [lines.get("pipeline", 1)])[-1] or 1


def _relevant(
    problems: tuple[Problem, ...],
    axes: tuple[str, ...],
    matrix_is_wrong: bool,
    from_yaml: tuple[Problem, ...],
) -> Iterator[Problem]:
    """The problems of an entry in terms of the file: for a value from the matrix, the key is under `matrix`.

    Consequences of other problems are left out: a value that YAML refused, a key from a wrong matrix.
    """
    refused = [problem.key for problem in from_yaml]
    for problem in problems:
        if matrix_is_wrong and problem.value is None and any(_holds(problem.key, axis) for axis in axes):
            continue
        key = f"matrix.{problem.key}" if any(_holds(axis, problem.key) for axis in axes) else problem.key
        if not any(one == key or (key != problem.key and _holds(key, one)) for one in refused):
            yield replace(problem, key=key)


def _holds(outer: str, inner: str) -> bool:
    """Whether the key `inner` is `outer` or lies inside it."""
    return inner == outer or inner.startswith((f"{outer}.", f"{outer}["))


def tags_of(values: Mapping[str, object]) -> tuple[str, ...] | None:
    """The tags in the keys of a config, empty if there are none; None if they are not a list of names."""
    stated = values.get("tags", [])
    if not isinstance(stated, list) or not all(isinstance(tag, str) for tag in stated):
        return None
    return tuple(stated)


def tags_in_text(path: Path) -> tuple[str, ...] | None:
    """The possible tags in a file that is not YAML: the words after each `tags:`; None if it cannot be read.

    A word too many is better than a missing tag: a config that a selection may mean must not be skipped.
    """
    if files.kind_of(files.resolved(path)) != "file":
        return None
    try:
        with path.open("rb") as file:
            text = file.read(reader.MAX_BYTES).decode("utf-8", "replace")
    except OSError:
        return None
    stated = _STATED.findall(_COMMENT.sub("", text))
    return tuple(dict.fromkeys(word for part in stated for word in _WORD.findall(part)))
