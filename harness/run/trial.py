"""One trial: a case, what its run does differently, and what kind of process it needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from harness.core.case import Case
from harness.core.messages import Job
from harness.core.perturbation import Perturbation
from harness.core.trace import TraceLevel
from harness.run.variables import Variables, overridden_by, variables_for


class Freshness(Enum):
    """Which runs the process of a trial may have served before."""

    SHARED = "shared"
    """Any: workers keep pipelines and serve every trial that needs the same process."""

    FRESH = "fresh"
    """None."""

    ONE_WORKER = "one-worker"
    """Those of the same row: one worker runs all of them, one after another."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One run to do: the case, where its capture goes, and its number (from 1; 0 if the case runs once).

    `trace` is how much is recorded, by default the case's own level. `forced` is the golden to replay, and
    `perturbation` a deliberate change. `variables` are set in the worker's environment in addition to those of the
    case; None unsets one. `python` is the interpreter of another environment, by default the one that runs the
    harness. A `further` trial comes in addition to the case's own run: a variation, a replay, a probe.
    """

    case: Case
    capture: Path
    number: int = 0
    trace: TraceLevel | None = None
    forced: Path | None = None
    perturbation: Perturbation | None = None
    variables: Variables = field(default_factory=dict)
    further: bool = False
    freshness: Freshness = Freshness.SHARED
    python: str | None = None

    def process_variables(self) -> Variables:
        """The variables that its worker's process must have been started with."""
        return {**variables_for(self.case.determinism), **self.variables}

    def job(self) -> Job:
        """The job that the worker gets."""
        level = self.case.trace_level if self.trace is None else self.trace
        golden = str(self.forced.absolute()) if self.forced else None
        callers: Mapping[str, str] = overridden_by(self.process_variables())
        return Job(self.case, str(self.capture.absolute()), level, golden, self.perturbation, callers)
