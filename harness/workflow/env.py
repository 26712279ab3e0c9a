"""`harness env`: the fingerprint of this machine, or what differs between two."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import ValidationError

from harness.codec import why_not
from harness.core.capture import Lost
from harness.core.environment import Environment, changes_between
from harness.errors import HarnessError, UsageError
from harness.golden.header import read_document
from harness.report import json_report
from harness.report.reason_words import step_words
from harness.report.terminal import Screen
from harness.run.execute import fingerprint
from harness.workflow.emit import emit_json
from harness.workflow.options import Options

_NAME_ONE = "name a golden, a capture, or a file saved by `harness env --json`"


def show_environment(options: Options, screen: Screen) -> int:
    """Print (and save with --json) the fingerprint of a worker on the chosen device; leaves nothing else behind."""
    with TemporaryDirectory(prefix="harness-env-") as logs:
        here = fingerprint(options.device, Path(logs), options.starts)
    if isinstance(here, Lost):
        raise not_had(here, options.device)
    emit_json(json_report.environment_json(here), options)
    screen.show_environment(here)
    return 0


def compare_environments(left: Path, right: Path, options: Options, screen: Screen) -> int:
    """Print (and save with --json) what differs between two goldens' or saved fingerprints' environments."""
    changes = changes_between(read_fingerprint(left), read_fingerprint(right), imported=True)
    emit_json(json_report.changes_json(changes), options)
    screen.show_changes(changes, str(left), str(right))
    return 0


def not_had(lost: Lost, device: str) -> HarnessError:
    """What ends the command where no worker told anything."""
    if lost.next_steps:
        return HarnessError("\n".join([lost.reason, *lost.log, f"next: {step_words(lost.next_steps)}"]))
    return HarnessError("\n".join([f"{device}: {lost.reason}", *lost.log]))


def read_fingerprint(path: Path) -> Environment:
    """The environment of a golden, a capture or a saved fingerprint; raises UsageError where it is none."""
    if not path.is_file():
        raise UsageError(f"{path}: no such file; {_NAME_ONE}")
    if path.suffix == ".safetensors":
        return read_document(path).environment
    content = path.read_bytes()
    try:
        return json_report.read_environment(content, str(path))
    except ValidationError as error:
        raise UsageError(f"{path}: holds no fingerprint ({why_not(error, content)}); {_NAME_ONE}") from error
