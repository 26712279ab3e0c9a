"""What a worker process and its parent say to each other, one JSON document a line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.core.capture import Outcome
from harness.core.case import Case
from harness.core.environment import Environment


@dataclass(frozen=True, slots=True)
class Job:
    """Run `case` and write its capture to `capture`."""

    case: Case
    capture: str


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker has imported torch and waits for jobs.

    `environment` is its fingerprint before any case has set a switch; None where the device it was
    started for cannot be had, for the `reason` given: every job will then come back Unavailable.
    """

    environment: Environment | None
    reason: str = ""
    kind: Literal["ready"] = "ready"


@dataclass(frozen=True, slots=True)
class Progress:
    """The pipeline's own progress: `step` of `total` done (`total` 0 when unknown) in `stage`."""

    stage: str
    step: int
    total: int
    kind: Literal["progress"] = "progress"


@dataclass(frozen=True, slots=True)
class Finished:
    """The job is done and the worker waits for the next."""

    outcome: Outcome
    kind: Literal["finished"] = "finished"


Reply = Ready | Progress | Finished
"""Everything a worker says."""
