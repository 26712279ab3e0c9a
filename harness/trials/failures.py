"""What is said of a run that left no capture: one place from its outcome to state, reason, log and next steps."""

from __future__ import annotations

from dataclasses import dataclass

from harness.core.capture import Lost, Raised, Unavailable
from harness.core.results.next_step import NextSteps

LOG_LINES = 12
"""How many of the last lines of a traceback are shown."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a run left no capture.

    It was `skipped` where it cannot be had here, and the pipeline may have `raised`; otherwise the worker was
    lost. One that never began has `next_steps`: that has nothing to do with the case.
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
    """The failure that an outcome other than Completed is."""
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
