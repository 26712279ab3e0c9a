"""The options of the plugin, each with an ini twin of the same name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import pytest

from harness.core.tolerance import Relation

T = TypeVar("T")

Update = Literal["", "fail", "accept"]
"""What happens to goldens: nothing, or they are written and the item fails (as a reminder to look) or passes."""


@dataclass(frozen=True, slots=True)
class Given:
    """What was asked for; paths are absolute. `explicit` says that `--goldens` stood on the command line."""

    goldens: bool = False
    explicit: bool = False
    configs: Path | None = None
    update: Update = ""
    reason: str | None = None
    new_only: bool = False
    relation: Relation | None = None
    device: str | None = None
    report: Path | None = None


def declare(parser: pytest.Parser) -> None:
    """Declare the options and their ini twins."""
    group = parser.getgroup("goldens", "goldens of diffusers pipelines (diffusers-goldens)")
    group.addoption("--goldens", action="store_true", default=None, help="collect the configs as tests")
    group.addoption("--goldens-configs", metavar="DIR", help="folder of the configs (default: the project's)")
    # Two options without a value: an optional value would swallow the path that follows.
    for option, value, what in (
        ("--goldens-update", "fail", "write the goldens; items whose golden was written fail"),
        ("--goldens-update=accept", "accept", "write the goldens; items whose golden was written pass"),
    ):
        group.addoption(option, dest="goldens_update", action="store_const", const=value, help=what)
    group.addoption("--goldens-reason", metavar="TEXT", help="why goldens change; their histories keep it")
    group.addoption(
        "--goldens-new-only",
        action="store_true",
        default=None,
        help="write only goldens that do not exist yet, and judge the others",
    )
    group.addoption(
        "--goldens-relation", metavar="RELATION", help=f"judge as if it held: {', '.join(Relation)}"
    )
    group.addoption("--goldens-device", metavar="DEVICE", help="auto, cpu, cuda, cuda:N or mps")
    group.addoption("--goldens-report", metavar="FILE", help="write the verdicts as JSON")
    for name in ("goldens", "goldens_new_only"):
        parser.addini(name, f"as --{name.replace('_', '-')}", type="bool", default=False)
    for name in ("configs", "update", "reason", "relation", "device", "report"):
        parser.addini(f"goldens_{name}", f"as --goldens-{name}", type="string", default="")


def given_of(config: pytest.Config) -> Given:
    """The options that were given, on the command line or else in the ini file; raises pytest.UsageError."""
    update: Update = _checked(_update, _text(config, "update")) or ""
    new_only = bool(_value(config, "goldens_new_only"))
    given = Given(
        goldens=bool(_value(config, "goldens")),
        explicit=bool(config.getoption("goldens")),
        configs=_path(config, "configs"),
        update=update or ("fail" if new_only else ""),
        reason=_checked(_reason, _text(config, "reason")),
        new_only=new_only,
        relation=_checked(_relation, _text(config, "relation")),
        device=_checked(_device, _text(config, "device")),
        report=_path(config, "report"),
    )
    if given.update == "accept" and given.reason is None:
        raise pytest.UsageError(
            '--goldens-update=accept needs --goldens-reason "...", which the histories keep'
        )
    return given


def _value(config: pytest.Config, name: str) -> object:
    stated = config.getoption(name)
    return config.getini(name) if stated is None else stated


def _text(config: pytest.Config, name: str) -> str | None:
    return str(_value(config, f"goldens_{name}") or "") or None


def _path(config: pytest.Config, name: str) -> Path | None:
    """A path: relative to the folder where pytest was started or, from the ini file, to that file."""
    typed = config.getoption(f"goldens_{name}")
    if typed is not None:
        return config.invocation_params.dir / str(typed)
    stated = str(config.getini(f"goldens_{name}"))
    base = config.inipath.parent if config.inipath else config.rootpath
    return base / stated if stated else None


def _checked(check: Callable[[str], T], text: str | None) -> T | None:
    try:
        return None if text is None else check(text)
    except ValueError as error:
        raise pytest.UsageError(str(error)) from error


def _update(text: str) -> Update:
    ways: tuple[Update, Update] = ("fail", "accept")
    for way in ways:
        if text == way:
            return way
    raise ValueError(f"goldens_update: {text!r} is no way to update; accepted: {', '.join(ways)}")


def _relation(text: str) -> Relation:
    if text not in list(Relation):
        raise ValueError(f"--goldens-relation: {text!r} is not a relation; accepted: {', '.join(Relation)}")
    return Relation(text)


def _reason(text: str) -> str:
    from harness.invocation.decision import checked_reason  # imported lazily: most runs of pytest give none

    try:
        return checked_reason(text)
    except ValueError as error:
        raise ValueError(f"--goldens-reason: {error}") from error


def _device(text: str) -> str:
    from harness.config.project import DEVICE, DEVICES

    if not DEVICE.fullmatch(text):
        raise ValueError(f"--goldens-device: {text!r} is not a device; accepted: {DEVICES}")
    return text
