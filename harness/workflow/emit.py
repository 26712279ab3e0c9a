"""Where a command's JSON goes: the file named by --json, or standard output for `-`."""

from __future__ import annotations

import sys
from pathlib import Path

from harness.report.json_report import write_text
from harness.workflow.options import Options


def emit_json(text: str, options: Options) -> None:
    """Send `text` where --json says, if it was given."""
    if options.json == "-":
        sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
    elif options.json is not None:
        write_text(Path(options.json), text)
