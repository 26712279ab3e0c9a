"""All config files of a folder to cases, with every problem of every file reported at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.config import files, matrix, structure, surroundings, yaml_text
from harness.config.build import build
from harness.core.case import Case
from harness.errors import ConfigError, Problem


@dataclass(frozen=True, slots=True)
class LoadedConfigs:
    """The cases in the order of their files and matrix entries, and what may go wrong with them later."""

    cases: tuple[Case, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _LoadedFile:
    cases: tuple[Case, ...]
    problems: tuple[Problem, ...]
    warnings: tuple[str, ...] = ()


def load_cases(configs: Path) -> LoadedConfigs:
    """The cases of every `*.yaml` and `*.yml` under `configs`.

    Raises `ConfigError` with the problems of all files, `UsageError` when there is no such folder or no
    config in it.
    """
    found = files.find(configs)
    digests: dict[Path, str] = {}
    loaded = [_load(file, configs.resolve(), digests) for file in found.files]
    cases = tuple(case for one in loaded for case in one.cases)
    ids = [(file.shown, file.id) for file in found.files]
    ids += [(case.source, case.id) for case in cases if "@" in case.id]
    problems = [
        *found.problems,
        *(problem for one in loaded for problem in one.problems),
        *files.duplicates(ids),
    ]
    if problems:
        raise ConfigError(sorted(problems, key=lambda problem: problem.file))
    return LoadedConfigs(cases, (*found.warnings, *(warning for one in loaded for warning in one.warnings)))


def check_calls(cases: Sequence[Case]) -> None:
    """Compare what `cases` hand over with what their pipelines take, as the text of these says.

    Slower than `load_cases` (some milliseconds for each class), and meant for the cases that are to run.
    Raises `ConfigError` with the problems of all cases.
    """
    from harness.config import calls  # only cases that are to run need it

    problems = dict.fromkeys(problem for case in cases for problem in calls.problems(case))
    if problems:
        raise ConfigError(sorted(problems, key=lambda problem: problem.file))


def _load(file: files.ConfigPath, root: Path, digests: dict[Path, str]) -> _LoadedFile:
    document = yaml_text.read(file.path, file.shown)
    if document.values is None:
        return _LoadedFile((), document.problems)
    around = surroundings.Surroundings(root, file.path.parent.resolve(), digests)
    expansion = matrix.expand(document.values)
    problems: dict[Problem, None] = dict.fromkeys(document.problems)
    problems.update(dict.fromkeys(expansion.problems))
    cases: list[Case] = []
    warnings: dict[str, None] = {}
    for entry in expansion.entries:
        outcome = _entry(file, entry, around)
        if isinstance(outcome, Case):
            cases.append(outcome)
            warnings.update(dict.fromkeys(surroundings.warnings(entry.values, around)))
        else:
            matrix_is_wrong = bool(expansion.problems)
            problems.update(dict.fromkeys(_relevant(outcome, entry.axes, matrix_is_wrong, document.problems)))
    named = tuple(replace(problem, file=file.shown) for problem in problems)
    return _LoadedFile(tuple(cases), named, tuple(f"{file.shown}: {text}" for text in warnings))


def _entry(
    file: files.ConfigPath, entry: matrix.Entry, around: surroundings.Surroundings
) -> Case | tuple[Problem, ...]:
    """The case of one matrix entry, or everything that is wrong with it."""
    name = file.id + entry.suffix
    checked = structure.check(entry.values)
    known = {problem.key for problem in checked.problems}
    problems = [one for one in surroundings.problems(entry.values, around) if one.key not in known]
    length = files.too_long(name)
    if length is not None:
        problems.append(Problem("", "matrix", None, length))
    if checked.config is None or problems:
        return (*checked.problems, *problems)
    inputs = surroundings.inputs(entry.values, around)
    return build(checked.config, name, file.shown, str(around.folder), inputs)


def _relevant(
    problems: tuple[Problem, ...],
    axes: tuple[str, ...],
    matrix_is_wrong: bool,
    from_yaml: tuple[Problem, ...],
) -> Iterator[Problem]:
    """The problems of an entry in terms of the file: what the matrix put there stands under `matrix`.

    Left out is what follows from another problem: a value that YAML refused, a key that a wrong matrix gives.
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
