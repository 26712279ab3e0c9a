"""`harness init`: write a first config for a model, and what git and CI need."""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

from harness.config import project
from harness.config.load import check_calls, load_cases
from harness.errors import ConfigError, UsageError
from harness.invocation.arguments import quiet
from harness.invocation.command import Command
from harness.onboarding import ci
from harness.onboarding.first_config import config_text
from harness.onboarding.model import Model, model_of
from harness.onboarding.plan import planned, write
from harness.report.terminal import Screen

EXAMPLE = "builtin:sd-digits"
"""The model of a config if none is named."""


def init(typed: str, screen: Screen, *, pipeline: str | None = None, service: str | None = None) -> int:
    """Returns 0 after it wrote the files of the project in the current folder, or of the one that this is in.

    Raises UsageError, and writes nothing, if the model is not known, if no config can be written that works, or if a
    file exists already.
    """
    here = Path.cwd()
    place = project.find(here)
    model = model_of(typed, here, pipeline)
    plan = planned(place, model, service)
    cases = _tried(model)
    write(plan)
    screen.show_begun([(one.path.relative_to(place.root), one.added) for one in plan], place.root, cases)
    return 0


def _tried(model: Model) -> tuple[str, ...]:
    """The ids of the cases; raises UsageError if the harness would not accept the config."""
    with tempfile.TemporaryDirectory() as folder:
        # There the model has another relative path.
        found = replace(model, id=str(model.path), path=None) if model.path else model
        Path(folder, f"{model.name}.yaml").write_text(config_text(found, Path(folder)), encoding="utf-8")
        try:
            cases = load_cases(Path(folder)).cases
            check_calls(cases)
        except ConfigError as error:
            raise UsageError(_refusal(model, error)) from error
    return tuple(case.id for case in cases)


def _refusal(model: Model, error: ConfigError) -> str:
    problems = "\n".join(
        f"  {replace(one, file=f'{model.name}.yaml')}" for one in dict.fromkeys(error.problems)
    )
    return f"{model.pipeline}: no config can be derived that works; write one by hand. What it lacks:\n{problems}"


def _own_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "model",
        nargs="?",
        default=EXAMPLE,
        metavar="MODEL",
        help=f"a hub id, a folder, a .safetensors file or a built-in model (default {EXAMPLE})",
    )
    command.add_argument(
        "--pipeline", metavar="CLASS", help="the pipeline class, where the model does not tell it"
    )
    command.add_argument(
        "--ci", choices=list(ci.SERVICES), help="write a workflow that verifies, for this service"
    )


def _run(arguments: argparse.Namespace, screen: Screen) -> int:
    return init(arguments.model, screen, pipeline=arguments.pipeline, service=arguments.ci)


COMMAND = Command(_run, (quiet, _own_options))
