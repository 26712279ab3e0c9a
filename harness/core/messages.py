"""The messages between a worker process and its parent, one JSON document per line."""

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
"""How a fork server sends a process id and its exit code, as a `struct` format."""

FORKS_READY = b"\n"
"""What a fork server sends after importing what jobs need; if it could not, it sends CannotStart."""


@dataclass(frozen=True, slots=True)
class Job:
    """Run `case` and write its capture to `capture`.

    `trace` is how much of the run is recorded; `forced` the golden whose tensors are fed at every boundary;
    `perturbation` what is done differently on purpose. `overridden` holds, by name, the caller's values of
    environment variables that the case sets itself.
    """

    case: Case
    capture: str
    trace: TraceLevel = TraceLevel.NONE
    forced: str | None = None
    perturbation: Perturbation | None = None
    overridden: Mapping[str, str] = field(default_factory=dict)

    @property
    def spool(self) -> str:
        """The file that holds the trace's tensors until the capture is written."""
        return f"{self.capture}.bits.tmp"


@dataclass(frozen=True, slots=True)
class CannotStart:
    """The worker ends before any job: it could not use `package` ("" if no single package is at fault).

    `version` is the package's, "" if unknown; `message` is the exception on one line; `missing` the
    top-level module that is not installed, "" if that is not the reason.
    """

    package: str
    version: str
    message: str
    missing: str = ""
    kind: Literal["cannot-start"] = "cannot-start"


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker has imported torch, diffusers and transformers and waits for jobs.

    `environment` is its fingerprint before any case has set a switch; None if the device it was
    started for is not available, for this `reason`: every job then returns Unavailable.
    `remembered` says that its known answers come from an earlier start.
    """

    environment: Environment | None
    reason: str = ""
    remembered: bool = False
    kind: Literal["ready"] = "ready"


@dataclass(frozen=True, slots=True)
class Progress:
    """The pipeline's own progress: `step` of `total` done (`total` is 0 if unknown) in `stage`."""

    stage: str
    step: int
    total: int
    kind: Literal["progress"] = "progress"


@dataclass(frozen=True, slots=True)
class Finished:
    """The job is done and the worker waits for the next.

    `spent` says that the run left something behind in the process that must not affect another run.
    """

    outcome: Outcome
    spent: bool = False
    kind: Literal["finished"] = "finished"


Reply = Ready | CannotStart | Progress | Finished
"""Every message that a worker sends."""
