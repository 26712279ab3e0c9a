"""Publishes the report of a verify: the files that options name, and annotations where GitHub Actions reads the log."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from harness.core.results.next_step import judged_in
from harness.core.results.verdict import CaseResult, Report
from harness.invocation.options import Options, named_out
from harness.report.harmless import harmless_json
from harness.report.json_report import verify_json
from harness.report.terminal import Screen


def documents(report: Report, options: Options) -> Iterator[tuple[str | Path, str]]:
    """The targets that the options name, each with its text; what fails is what failed in that verify."""
    passing = {"allow_missing": report.passing.allow_missing, "strict": report.passing.strict}
    if options.json is not None:
        yield options.json, harmless_json(verify_json(report))
    if options.junit is not None:
        from harness.report.formats.junit import junit_xml  # imported lazily: few commands write it

        yield options.junit, junit_xml(report, **passing)
    if options.markdown is not None:
        from harness.report.formats.markdown import markdown

        yield options.markdown, markdown(report, **passing)


def annotate(report: Report, options: Options, screen: Screen) -> None:
    """In GitHub Actions, print a workflow command for each failure and warning, unless the options forbid it."""
    if not options.annotations or os.environ.get("GITHUB_ACTIONS") != "true":
        return
    from harness.report.formats.annotations import annotation_commands

    passing = {"allow_missing": report.passing.allow_missing, "strict": report.passing.strict}
    screen.command(annotation_commands(report, os.environ.get("GITHUB_WORKSPACE", ""), **passing))


def judged_here(result: CaseResult, options: Options) -> CaseResult:
    """The result, whose advice names the output folder: what another verify left in the default one is not meant."""
    return replace(result, next_steps=judged_in(result.next_steps, named_out(options)))
