"""`harness compare A B`: the metrics between two capture or golden files."""

from __future__ import annotations

from pathlib import Path

from harness.errors import UsageError
from harness.report import json_report
from harness.report.terminal import Screen
from harness.workflow.bits import compare_files, differing
from harness.workflow.emit import emit_json
from harness.workflow.options import Options


def compare(left: Path, right: Path, options: Options, screen: Screen) -> int:
    """Returns 0 when every tensor is bit-identical, else 1."""
    for path in (left, right):
        if not path.is_file():
            raise UsageError(f"{path}: no such file; name two capture or golden files (.safetensors)")
    tensors = compare_files(left, right)
    emit_json(json_report.comparison_json(tensors), options)
    screen.show_comparison(tensors, str(left), str(right))
    return 1 if differing(tensors) else 0
