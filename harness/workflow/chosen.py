"""The cases that a command was asked for; apart from what runs them, since `list` has no time to lose."""

from __future__ import annotations

from harness.config.load import load_cases
from harness.config.select import select
from harness.core.case import Case
from harness.errors import UsageError
from harness.report.terminal import Screen
from harness.workflow.options import Options


def chosen_cases(options: Options, screen: Screen) -> tuple[Case, ...]:
    """The selected cases; warnings about floating revisions and the like are shown on the way."""
    loaded = load_cases(options.configs)
    for warning in loaded.warnings:
        screen.warn(warning)
    if not loaded.cases:
        step = "write a .yaml file there, or name another folder with --configs"
        raise UsageError(f"{options.configs}: holds no configs; {step}")
    return select(loaded.cases, options.select)
