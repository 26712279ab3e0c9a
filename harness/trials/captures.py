"""Where captures are in the output folder, and what their runs have in common."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from harness.core.capture import Completed, Outcome, Raised
from harness.core.case import Case
from harness.core.environment import Environment
from harness.errors import UsageError

REPORT_NAME = "report.json"
"""The name of verify's report in the output folder."""

CAPTURES = "captures"
"""The folder of the captures in the output folder."""

FORCED_NAME = "forced"
"""The name of the capture of a forced replay."""


def capture_path(out: Path, case: Case, name: str = "capture") -> Path:
    """Where the capture of `case` is in the output folder."""
    return out / CAPTURES / case.id / f"{name}.safetensors"


def inside(folder: Path, case: str, *names: str) -> Path:
    """The path `names` in the folder of `case` in `folder`; a report of somebody else may name anything.

    Raises UsageError for names that lead out of the folder.
    """
    parts = (*case.split("/"), *names)
    if any(part in ("", ".", "..") or "\0" in part or "/" in part for part in parts):
        told = "/".join(parts)
        raise UsageError(
            f"{told!r}: leads out of the folder {folder}, so it is no case of ours; leave its report out"
        )
    return folder.joinpath(*parts)


def environment_of(outcomes: Iterable[Outcome]) -> Environment | None:
    """The environment of the first run that got far enough to report one."""
    return next(
        (outcome.environment for outcome in outcomes if isinstance(outcome, Completed | Raised)), None
    )


def seconds_of(outcomes: Iterable[Outcome]) -> float:
    """How long the runs took that completed or raised."""
    return sum(outcome.seconds for outcome in outcomes if isinstance(outcome, Completed | Raised))
