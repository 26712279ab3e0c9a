"""`harness report`: show the report of an earlier verify again, in any of its forms."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from harness.errors import UsageError
from harness.invocation.arguments import out, project, shows
from harness.invocation.command import Command, options_of
from harness.invocation.emit import emit
from harness.invocation.options import Options
from harness.report import json_report
from harness.report.formats import junit, markdown
from harness.report.terminal import Screen
from harness.trials.captures import REPORT_NAME


def show_report(options: Options, screen: Screen, *, markdown_file: Path | None) -> int:
    """Returns the exit code of that verify, computed with the options that its report stores."""
    path = options.out / REPORT_NAME
    if not path.is_file():
        raise UsageError(f"{path}: no such file; run `harness verify` first, or name its folder with --out")
    report = json_report.read_report(path.read_bytes(), str(path))
    how = {"allow_missing": report.passing.allow_missing, "strict": report.passing.strict}
    documents = [
        (options.json, partial(json_report.verify_json, report)),
        (options.junit, partial(junit.junit_xml, report, **how)),
        (markdown_file, partial(markdown.markdown, report, **how)),
    ]
    emit(*((target, text()) for target, text in documents if target is not None))
    screen.show_verify(report, **how)
    return report.exit_code(**how)


def _documents(command: argparse.ArgumentParser) -> None:
    command.add_argument("--junit", type=Path, metavar="FILE", help="write it as JUnit XML")
    command.add_argument("--markdown", type=Path, metavar="FILE", help="write it as Markdown")


def _run(arguments: argparse.Namespace, screen: Screen) -> int:
    return show_report(options_of(arguments), screen, markdown_file=arguments.markdown)


COMMAND = Command(_run, (project, out, shows, _documents))
