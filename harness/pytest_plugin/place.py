"""The project whose configs pytest collects, and the options that its cases run with."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.config import project
from harness.errors import ConfigError
from harness.invocation.options import Options
from harness.pytest_plugin.options import Given


@dataclass(frozen=True, slots=True)
class Place:
    """The absolute `root` of a project and the options of its commands, whose paths are relative to it."""

    root: Path
    options: Options

    @property
    def configs(self) -> Path:
        """The folder of the configs, absolute, with links resolved."""
        return (self.root / self.options.configs).resolve()

    def entered(self) -> contextlib.chdir[Path]:
        """While open, the root is the current folder, as it is for commands: reports then name the same paths."""
        return contextlib.chdir(self.root)


def place_of(config: pytest.Config, given: Given, *, needs_configs: bool = True) -> Place:
    """The project at or above pytest's rootdir; raises pytest.UsageError if it has no configs but needs some."""
    try:
        found = project.find(config.rootpath)
    except ConfigError as error:
        raise pytest.UsageError(str(error)) from error
    settings, root = found.settings, found.root
    configs = settings.configs if given.configs is None else _seen_from(root, given.configs)
    options = Options(
        configs=configs,
        goldens=settings.goldens,
        out=settings.out,
        device=given.device or settings.device,
        quiet=True,
    )
    if needs_configs and not (root / configs).is_dir():
        step = "write a first config with `harness init`, or name the folder with --goldens-configs"
        raise pytest.UsageError(f"{configs}: no such folder in {root}; {step}")
    return Place(root, options)


def _seen_from(root: Path, folder: Path) -> Path:
    absolute = Path(os.path.abspath(folder))
    return absolute.relative_to(root) if absolute.is_relative_to(root) else absolute
