"""`harness doctor`: what would make two runs differ, or a golden useless, each with its fix."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.commands.list import expected_platform
from harness.config.load import load_files
from harness.doctor.examination import examined
from harness.invocation.arguments import configs, device, goldens, project, shows
from harness.invocation.command import Command, options_of
from harness.invocation.emit import emit_json
from harness.invocation.options import Options
from harness.report.terminal import Screen
from harness.report.views.doctor import doctor_json


def doctor(options: Options, screen: Screen) -> int:
    """Returns 1 if a golden cannot judge or runs may differ, otherwise 0. Nothing is run."""
    kind = expected_platform(options.device).partition("-")[0]
    report = examined(load_files(options.configs), options.goldens, kind, Path.cwd())
    emit_json(doctor_json(report), options)
    screen.show_findings(report)
    return report.exit_code()


def _run(arguments: argparse.Namespace, screen: Screen) -> int:
    return doctor(options_of(arguments), screen)


COMMAND = Command(_run, (project, configs, goldens, device, shows))
