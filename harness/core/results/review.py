"""The results of the commands that decide about judged cases, and that show what was decided."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from harness.core.results.reasons import Reasons


class RejectState(StrEnum):
    """What came of rejecting one case."""

    REJECTED = "rejected"
    PASSED = "passed"
    SKIPPED = "skipped"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class RejectResult:
    """A case whose failure is remembered as rejected, or why there is nothing to remember.

    `cause` is the fingerprint of the failure, `verdict` that of the verify.
    """

    case: str
    state: RejectState
    platform: str | None = None
    verdict: str | None = None
    cause: str | None = None
    reasons: Reasons = ()


@dataclass(frozen=True, slots=True)
class RejectReport:
    """All rejections of one invocation, for the `reason` that all of them share."""

    reason: str
    cases: tuple[RejectResult, ...]

    def exit_code(self) -> int:
        """0, or 3 if it is unknown whether a case failed."""
        return 3 if any(one.state is RejectState.ERROR for one in self.cases) else 0
