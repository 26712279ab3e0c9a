"""The results of the commands that decide about judged cases, and that show what was decided."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from harness.core.history import Entry, Rejection
from harness.core.results.explanation import GrowthRow
from harness.core.results.reasons import Reasons
from harness.core.results.recording import ListedDraft
from harness.core.results.verdict import CaseResult, TensorResult


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


@dataclass(frozen=True, slots=True)
class GoldenHistory:
    """The history of a golden, the oldest entry first, and what stands beside it: its rejections and its draft.

    `unusable` says why the golden cannot be read; "" if it can, or if there is none.
    """

    case: str
    platform: str
    golden: str
    entries: tuple[Entry, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    draft: ListedDraft | None = None
    unusable: str = ""


@dataclass(frozen=True, slots=True)
class HistoryDifference:
    """How the outputs of two goldens of one history differ; `first` and `second` are the numbers of the entries."""

    case: str
    platform: str
    first: int
    second: int
    entries: tuple[Entry, Entry]
    tensors: tuple[TensorResult, ...]


@dataclass(frozen=True, slots=True)
class MovedFile:
    """A file that got another name; `what` is config, golden, draft, or the kind of sidecar."""

    what: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class RenameReport:
    """What a rename moved; `completed` says that it completed one that was interrupted, `notes` what is left to do."""

    old: str
    new: str
    moved: tuple[MovedFile, ...]
    completed: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """What somebody is shown of a failure before they decide: its result, how the error grew, paths of its pictures."""

    result: CaseResult
    stages: tuple[GrowthRow, ...] = ()
    pictures: tuple[str, ...] = ()
