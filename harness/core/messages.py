"""What a worker process and its parent say to each other, one JSON document a line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from harness.core.capture import Outcome
from harness.core.case import Case
from harness.core.environment import Environment
from harness.core.perturbation import Perturbation
from harness.core.trace import TraceLevel

FORK_STATUS = "i"
"""How a fork server tells a process's number and its exit code, as `struct` writes it."""

FORKS_READY = b"\n"
"""What a fork server says once it has imported what jobs need; it says a CannotStart where it could not."""


@dataclass(frozen=True, slots=True)
class Job:
    """Run `case` and write its capture to `capture`.

    `trace` is how much of the run is recorded; `forced` the golden whose tensors are fed at every boundary;
    `perturbation` what is done differently on purpose. `overridden` are the values that the caller had given to
    environment variables which the case decides, by name.
    """

    case: Case
    capture: str
    trace: TraceLevel = TraceLevel.NONE
    forced: str | None = None
    perturbation: Perturbation | None = None
    overridden: Mapping[str, str] = field(default_factory=dict)

    @property
    def spool(self) -> str:
        """The file in which the tensors that the trace keeps wait until the capture is written."""
        return f"{self.capture}.bits.tmp"


@dataclass(frozen=True, slots=True)
class CannotStart:
    """The worker ends before any job: it could not use `package` ("" where no single one is at fault).

    `version` is the package's, "" where unknown; `message` what was raised, on one line; `missing` the
    top-level module that is not installed, "" where that is not the reason.
    """

    package: str
    version: str
    message: str
    missing: str = ""
    kind: Literal["cannot-start"] = "cannot-start"


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker has imported torch, diffusers and transformers and waits for jobs.

    `environment` is its fingerprint before any case has set a switch; None where the device it was
    started for cannot be had, for the `reason` given: every job will then come back Unavailable.
    `remembered` tells that its known answers are those of an earlier start.
    """

    environment: Environment | None
    reason: str = ""
    remembered: bool = False
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
    """The job is done and the worker waits for the next.

    `spent` says that the run left something behind in the process, which another run must not find there.
    """

    outcome: Outcome
    spent: bool = False
    kind: Literal["finished"] = "finished"


Reply = Ready | CannotStart | Progress | Finished
"""Everything a worker says."""
