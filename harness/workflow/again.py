"""`harness report`: show the report of an earlier verify again, in any of its forms."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from harness.errors import UsageError
from harness.report import json_report, junit, markdown
from harness.report.terminal import Screen
from harness.workflow.cases import REPORT_NAME
from harness.workflow.emit import emit
from harness.workflow.options import Options


def show_again(options: Options, screen: Screen, *, markdown_file: Path | None) -> int:
    """Returns the exit code that the verify had, which was asked for with the options that its report keeps."""
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
