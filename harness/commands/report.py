"""`harness report`: show the report of an earlier verify again, in any of its forms."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from harness.errors import UsageError
from harness.invocation.arguments import out, project, publishes, shows
from harness.invocation.command import Command, options_of
from harness.invocation.emit import emit, is_standard_output
from harness.invocation.options import Options
from harness.invocation.publish import annotate, documents
from harness.report import json_report
from harness.report.terminal import Screen
from harness.review.page.publishing import named_out, publish
from harness.trials.captures import REPORT_NAME


def show_report(options: Options, screen: Screen, *, page: Path | None = None) -> int:
    """Returns the exit code of that verify, computed with the options that its report stores.

    `page` is the HTML file to write, if any, with the folder of its pictures beside it.
    """
    path = options.out / REPORT_NAME
    if not path.is_file():
        raise UsageError(f"{path}: no such file; run `harness verify` first, or name its folder with --out")
    report = json_report.read_report(path.read_bytes(), str(path))
    how = {"allow_missing": report.passing.allow_missing, "strict": report.passing.strict}
    if page is not None:
        publish(report, options.out, page, named_out(options))
    emit(*documents(report, options))
    screen.show_verify(report, **how)
    annotate(report, options, screen)
    return report.exit_code(**how)


def _page(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--html", type=Path, metavar="FILE", help="write it as a page with pictures; whole ones go beside it"
    )


def _misuse(arguments: argparse.Namespace) -> Iterator[str]:
    if arguments.html is not None and is_standard_output(arguments.html):
        yield "--html writes pictures beside its page; name a file"


def _run(arguments: argparse.Namespace, screen: Screen) -> int:
    return show_report(options_of(arguments), screen, page=arguments.html)


COMMAND = Command(_run, (project, out, shows, publishes, _page), misuse=_misuse)
