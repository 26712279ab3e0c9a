"""`harness report`: show the report of an earlier verify again, in any of its forms."""

from __future__ import annotations

from pathlib import Path

from harness.errors import UsageError
from harness.report import json_report, junit, markdown
from harness.report.terminal import Screen
from harness.workflow.cases import REPORT_NAME
from harness.workflow.options import Options


def show_again(options: Options, screen: Screen, *, markdown_file: Path | None) -> int:
    """Returns the exit code that the verify had."""
    path = options.out / REPORT_NAME
    if not path.is_file():
        raise UsageError(f"{path}: no such file; run `harness verify` first, or name its folder with --out")
    report = json_report.read_report(path.read_bytes(), str(path))
    if options.junit is not None:
        json_report.write_text(options.junit, junit.junit_xml(report, allow_missing=False, strict=False))
    if markdown_file is not None:
        json_report.write_text(markdown_file, markdown.markdown(report))
    screen.show_verify(report)
    return report.exit_code()
