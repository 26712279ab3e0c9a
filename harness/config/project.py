"""The project that a command belongs to: its root folder, and the common options set in its pyproject.toml."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

from harness.config.files import kind_of
from harness.config.wording import joined, shown, unknown
from harness.core.text import conflict_in
from harness.errors import ConfigError, Problem, UsageError

FILE = "pyproject.toml"
TABLE = "tool.harness"
DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")
DEVICES = "auto, cpu, cuda, cuda:N, mps"
AUTO: Literal["auto"] = "auto"
_LONGEST_NAME = 50
"""GitHub takes no longer label."""

Jobs = int | Literal["auto"]
"""How many workers to run at a time; AUTO for as many as the machine allows."""

_STATES_TABLE = re.compile(r"""^\s*\[\s*["']?tool["']?\s*\.\s*["']?harness["']?\s*[].]""", re.MULTILINE)

Values = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Settings:
    """The common options that a project sets; paths are relative to its root."""

    configs: Path = Path("configs")
    goldens: Path = Path("goldens")
    out: Path = Path("out")
    device: str = "auto"
    jobs: Jobs = AUTO
    issue_label: str = "golden-regression"
    issue_assignee: str = ""


@dataclass(frozen=True, slots=True)
class Project:
    """A project's absolute `root`; `found` is False if the current folder stands in for one."""

    root: Path
    settings: Settings = Settings()
    found: bool = True


def find(here: Path) -> Project:
    """The nearest project at or above the absolute folder `here`, at most up to the user's home.

    A project's root has `configs/` and `goldens/`, or a table [tool.harness] in its pyproject.toml; for `here`
    itself `configs/` is enough. If there is no such root, it is `here`. Raises ConfigError for a wrong table.
    """
    for folder in _upwards(here):
        table = _table(folder, here)
        if table is not None or _has(folder, "configs", *(() if folder == here else ("goldens",))):
            return Project(folder, _settings(table or {}, _shown(folder, here)))
    return Project(here, found=False)


def at(folder: Path, here: Path) -> Project:
    """The project whose root is `folder`, as typed in `here`; `configs/` or the table is enough.

    Raises UsageError if it is not a project, ConfigError for a wrong table.
    """
    root = here / folder
    if kind_of(root) != "folder":
        what = "no such folder" if kind_of(root) == "nothing" else "is not a folder"
        raise UsageError(f"{folder}: {what}; name the project's root with --root")
    root = root.resolve()
    table = _table(root, here)
    if table is None and not _has(root, "configs"):
        raise UsageError(
            f"{folder}: has neither configs/ nor a table [{TABLE}] in a {FILE}; name the project's root with --root"
        )
    return Project(root, _settings(table or {}, _shown(root, here)))


def nearly(here: Path) -> Path | None:
    """The nearest folder above `here` with configs but no goldens yet; it is not used unless named."""
    return next((folder for folder in _upwards(here) if _has(folder, "configs")), None)


def _upwards(here: Path) -> Iterator[Path]:
    try:
        home = Path.home().resolve()
    except (RuntimeError, OSError):
        home = None
    for folder in (here, *here.parents):
        yield folder
        if folder == home:
            return


def _has(folder: Path, *names: str) -> bool:
    return all(kind_of(folder / name) == "folder" for name in names)


def _shown(folder: Path, here: Path) -> str:
    return FILE if folder == here else str(folder / FILE)


def _table(folder: Path, here: Path) -> Values | None:
    """The table of the pyproject.toml in `folder`; None if there is no such file or table."""
    path = folder / FILE
    if kind_of(path) != "file":
        return None
    try:
        text = path.read_bytes().decode("utf-8-sig", "replace")
    except OSError as error:
        message = f"cannot be read ({error.strerror}); check the file"
        raise ConfigError([Problem(_shown(folder, here), "", None, message)]) from error
    if "harness" not in text:
        return None
    import tomllib  # imported lazily: most projects have no such table

    try:
        tool = tomllib.loads(text).get("tool", {})
    except tomllib.TOMLDecodeError as error:
        if not _STATES_TABLE.search(text):
            return None
        marker = conflict_in(text)
        message = str(marker) if marker else f"not TOML ({error}); check the file"
        raise ConfigError([Problem(_shown(folder, here), "", None, message)]) from error
    table = tool.get("harness") if isinstance(tool, Mapping) else None
    if table is not None and not isinstance(table, Mapping):
        message = f"expected a table with {', '.join(_names())}"
        raise ConfigError([Problem(_shown(folder, here), TABLE, shown(str(table)), message)])
    return table


def _settings(table: Values, file: str) -> Settings:
    problems = tuple(_problems(table, file))
    if problems:
        raise ConfigError(problems)
    paths = {name: Path(str(value)) for name, value in table.items() if name in ("configs", "goldens", "out")}
    others = {name: value for name, value in table.items() if name not in paths}
    return Settings(**paths, **others)  # type: ignore[arg-type]  # checked above


def _problems(table: Values, file: str) -> Iterator[Problem]:
    for name, value in table.items():
        key = joined(TABLE, name)
        if name not in _names():
            yield Problem(file, key, None, unknown("unknown key", name, _names()))
        elif message := _refusal(name, value):
            yield Problem(file, key, shown(value if isinstance(value, str | int) else str(value)), message)


def _refusal(name: str, value: object) -> str | None:
    if name == "jobs":
        good = value == AUTO or (type(value) is int and value > 0)
        return None if good else f"expected {AUTO} or a whole number greater than 0"
    if name == "device":
        good = isinstance(value, str) and bool(DEVICE.fullmatch(value))
        return None if good else f"expected one of {DEVICES}"
    if name in ("issue_label", "issue_assignee"):
        good = isinstance(value, str) and value.isprintable() and len(value) <= _LONGEST_NAME
        return None if good else f"expected a name of at most {_LONGEST_NAME} printable characters"
    good = isinstance(value, str) and bool(value.strip()) and "\0" not in value
    return None if good else "expected a folder, relative to this file"


def _names() -> list[str]:
    return [field.name for field in fields(Settings)]
