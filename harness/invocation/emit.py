"""Sends a command's JSON, JUnit and Markdown to the files that its options name, or to standard output."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from harness import files, streams
from harness.errors import HarnessError, UsageError
from harness.invocation.options import Options
from harness.report.harmless import harmless_json
from harness.report.json_report import write_text

STANDARD_OUTPUT = "-"


def emit_json(text: str, options: Options) -> None:
    """Send `text` to the target of --json, if given; on a terminal or in a CI log, none of it acts as a command."""
    if options.json is not None:
        emit((options.json, harmless_json(text)))


def emit(*documents: tuple[str | Path, str]) -> None:
    """Send each text to its target; errors are raised after all targets were tried."""
    errors = list[HarnessError]()
    for target, text in documents:
        try:
            if is_standard_output(target):
                sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
            else:
                write_text(Path(target), _before(Path(target)) + text)
        except HarnessError as error:
            errors.append(error)
    if errors:
        raise type(errors[0])("\n".join(map(str, errors)))


def _before(path: Path) -> str:
    """What `text` is added to: nothing, except in the file that GitHub Actions shows as the summary of a step.

    Every command of a step writes to that one.
    """
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if not summary or os.path.realpath(path) != os.path.realpath(summary):
        return ""
    try:
        before = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise files.refusal(path, error) from error
    return f"{before.rstrip()}\n\n" if before.strip() else ""


def is_standard_output(target: str | Path) -> bool:
    """Whether the target is standard output, by any of its names."""
    return str(target) == STANDARD_OUTPUT or files.descriptor(Path(target)) == streams.STDOUT


def check_targets(targets: Sequence[str | Path]) -> None:
    """Check before a long run that all targets can be written; raises UsageError or StoreError.

    Devices and open descriptors may be named twice, but a file may not: the second text would replace the first.
    """
    taken = dict[str, str | Path]()
    for target in targets:
        standard = is_standard_output(target)
        if not standard:
            _check(str(target))
        place = STANDARD_OUTPUT if standard else os.path.realpath(target)
        if place in taken and (standard or not _is_special(place)):
            raise UsageError(f"{target}: named twice; give each document a file of its own")
        taken[place] = target


def _check(target: str) -> None:
    if not target or target.endswith(os.sep):
        raise UsageError(f"{target!r}: names no file; name one")
    files.check(Path(target))


def _is_special(place: str) -> bool:
    path = Path(place)
    return path.exists() and not path.is_file()
