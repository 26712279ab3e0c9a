"""The description of a run that left no capture: one place turns its outcome into reason, log and next steps."""

from __future__ import annotations

from dataclasses import dataclass

from harness.core.capture import Lost, Raised, Unavailable
from harness.core.results.next_step import NextSteps

LOG_LINES = 12
"""How many of the last lines of a traceback are shown."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a run left no capture.

    It was `skipped` if the device or the model is not available here, or the pipeline `raised`; otherwise the
    worker was lost. If the worker never started, there are `next_steps`: the case is not the cause.
    """

    why: str
    skipped: bool = False
    raised: bool = False
    log: tuple[str, ...] = ()
    next_steps: NextSteps = ()
    platform: str | None = None
    warnings: tuple[str, ...] = ()

    def __str__(self) -> str:
        """What happened, as the end of a sentence."""
        return f"raised {self.why}" if self.raised else self.why


def failure(outcome: Lost | Raised | Unavailable) -> Failure:
    """The failure described by an outcome other than Completed."""
    match outcome:
        case Unavailable():
            return Failure(outcome.reason, skipped=True)
        case Lost():
            return Failure(outcome.reason, log=outcome.log, next_steps=outcome.next_steps)
        case Raised():
            return Failure(
                outcome.message,
                raised=True,
                log=tuple(outcome.traceback.splitlines()[-LOG_LINES:]),
                platform=outcome.environment.platform,
                warnings=outcome.warnings,
            )
