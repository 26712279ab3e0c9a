"""`harness compare A B`: show the metrics between two capture or golden files."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.core.results.verdict import TensorResult
from harness.errors import UsageError
from harness.invocation.arguments import shows
from harness.invocation.command import Command, options_of
from harness.invocation.emit import emit_json
from harness.invocation.options import Options
from harness.report import json_report
from harness.report.terminal import Screen
from harness.trials.bitwise import compare_files, differing


def compare(left: Path, right: Path, options: Options, screen: Screen) -> int:
    """Returns 0 if every tensor is bit-identical, otherwise 1."""
    tensors = compared(left, right)
    emit_json(json_report.comparison_json(tensors), options)
    screen.show_comparison(tensors, str(left), str(right))
    return 1 if differing(tensors) else 0


def compared(left: Path, right: Path) -> tuple[TensorResult, ...]:
    """The comparison of every output of both files; raises UsageError if one does not exist."""
    for path in (left, right):
        if not path.is_file():
            raise UsageError(f"{path}: no such file; name two capture or golden files (.safetensors)")
    return compare_files(left, right)


def _files(command: argparse.ArgumentParser) -> None:
    command.add_argument("left", type=Path, metavar="A")
    command.add_argument("right", type=Path, metavar="B")


def _run(arguments: argparse.Namespace, screen: Screen) -> int:
    return compare(arguments.left, arguments.right, options_of(arguments), screen)


COMMAND = Command(_run, (shows, _files))
