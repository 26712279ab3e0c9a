"""`harness report`: show the report of an earlier verify again, in any of its forms."""

from __future__ import annotations

import argparse

from harness.errors import UsageError
from harness.invocation.arguments import out, project, publishes, shows
from harness.invocation.command import Command, options_of
from harness.invocation.emit import emit
from harness.invocation.options import Options
from harness.invocation.publish import annotate, documents
from harness.report import json_report
from harness.report.terminal import Screen
from harness.trials.captures import REPORT_NAME


def show_report(options: Options, screen: Screen) -> int:
    """Returns the exit code of that verify, computed with the options that its report stores."""
    path = options.out / REPORT_NAME
    if not path.is_file():
        raise UsageError(f"{path}: no such file; run `harness verify` first, or name its folder with --out")
    report = json_report.read_report(path.read_bytes(), str(path))
    how = {"allow_missing": report.passing.allow_missing, "strict": report.passing.strict}
    emit(*documents(report, options))
    screen.show_verify(report, **how)
    annotate(report, options, screen)
    return report.exit_code(**how)


def _run(arguments: argparse.Namespace, screen: Screen) -> int:
    return show_report(options_of(arguments), screen)


COMMAND = Command(_run, (project, out, shows, publishes))
